// Whether a program has a handoff of its own, before its first line has run.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The packages by which a program says itself what is handed over. */
const ours = ['socket-handoff', 'fastify-socket-handoff']

/** Whether the package of `entry` names one of ours among its dependencies, or is one of them. */
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

/** What Node.js would take for the package of a file in this directory. */
function nearestManifest(from: string): Manifest {
  for (let directory = from; ; directory = dirname(directory)) {
    try {
      return Object(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')))
    } catch (error) {
      // Node.js itself reports one that is no JSON.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return {}
    }
    if (directory === dirname(directory)) return {}
  }
}
