// Reads the entry and its package: whether it can start, and its dependencies.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import {
  type Entry,
  findEntry,
  nameOf,
  packageDirectory,
  workingDirectory,
} from '../../supervisor/program/entry.ts'
import { HandoffError } from '../../terms/errors.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface EntryFacts {
  /** As the operator wrote it. */
  readonly entry: string
  /** The name of its run. */
  readonly name: string | undefined
  /** Why it cannot start. */
  readonly trouble: Trouble | undefined
  /** Its loader, if it needs one. */
  readonly loader: 'tsx' | undefined
  /** The error of `node --check`. */
  readonly syntaxError: string | undefined
  /** The dependencies in package.json. */
  readonly dependencies: readonly string[]
  /** The packages of this project that the entry can import. */
  readonly installed: readonly string[]
  readonly scripts: Readonly<Record<string, string>>
}

/** Endings that `node --check` reads without a loader. */
const checked = new Set(['.js', '.mjs', '.cjs', ''])

export function entryFacts(entry: string): EntryFacts {
  let found: Entry | undefined
  let manifest: Manifest = {}
  const trouble = troubleOf(() => {
    found = findEntry(entry, workingDirectory())
    manifest = readManifest(found.home)
  })
  const path = found?.path
  return {
    entry,
    name: found === undefined ? undefined : nameOf(found),
    trouble,
    loader: found !== undefined && found.loader.length > 0 ? 'tsx' : undefined,
    syntaxError: path !== undefined && checked.has(extname(path)) ? syntaxError(path) : undefined,
    dependencies: Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }),
    installed:
      path === undefined
        ? []
        : ['socket-handoff', 'fastify-socket-handoff'].filter((name) => isInstalled(name, path)),
    scripts: manifest.scripts ?? {},
  }
}

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly scripts?: Record<string, string>
}

/** @throws {@link HandoffError} ERR_HANDOFF_ENTRY if it is not JSON. npm and Node refuse it, too. */
function readManifest(home: string): Manifest {
  const directory = packageDirectory(home)
  if (directory === undefined) return {}
  const file = join(directory, 'package.json')
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new HandoffError('ERR_HANDOFF_ENTRY', `cannot read ${file}: it is not JSON`, { cause })
  }
}

/** Whether `import` finds a package. Checks its directory, since a package need not export its manifest. */
function isInstalled(name: string, path: string): boolean {
  const places = createRequire(path).resolve.paths(name) ?? []
  return places.some((place) => existsSync(join(place, name, 'package.json')))
}

/** The message of a file that Node cannot parse, with its place. */
function syntaxError(path: string): string | undefined {
  const { status, stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8' })
  if (status === 0) return undefined
  const [place = path] = stderr.split('\n')
  const reason = /^\w*Error.*$/m.exec(stderr)?.[0] ?? `node --check exited with ${status}`
  return `${reason} (${place})`
}
