// Finds out whether a program creates its own handoff, before its first line runs.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The packages with which a program creates its own handoff. */
const ours = ['socket-handoff', 'fastify-socket-handoff']

/** Returns whether the package of `entry` depends on one of ours, or is one of them. */
export function dependsOnUs(entry: string | undefined): boolean {
  if (entry === undefined) return false
  const { name = '', ...manifest } = nearestManifest(dirname(entry))
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  return ours.some((one) => one === name || names.includes(one))
}

interface Manifest {
  readonly name?: string
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
}

/** Returns the package.json that Node.js uses for files in this directory. */
function nearestManifest(from: string): Manifest {
  for (let directory = from; ; directory = dirname(directory)) {
    try {
      return Object(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')))
    } catch (error) {
      // Node.js reports invalid JSON itself.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return {}
    }
    if (directory === dirname(directory)) return {}
  }
}
