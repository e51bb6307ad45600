// Finds the file that starts the server, its name, and its loader.

import { readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { findBin, findModuleFile } from './entry-file.ts'

/** An entry as found now. Symbolic links may lead elsewhere at the next start. */
export interface Entry {
  readonly path: string
  readonly cwd: string
  /** The directory whose package names the run and is watched. */
  readonly home: string
  /** Flags of node that load it: `--import` of tsx for TypeScript. */
  readonly loader: readonly string[]
}

/** Endings of which Node removes the types by itself (Node >= 22.18). */
const strippable = new Set(['.ts', '.mts', '.cts'])
const typed = new Set([...strippable, '.tsx'])

/**
 * Returns the working directory as the shell names it. getcwd(3) follows a `current` symlink once, so that
 * every release would start in the first one.
 */
export function workingDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const cwd = process.cwd()
  if (!env.PWD) return cwd
  try {
    return realpathSync(env.PWD) === cwd ? env.PWD : cwd
  } catch {
    return cwd
  }
}

/**
 * Finds the entry now, to be run by the executable `node`.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY if it does not exist or cannot be loaded.
 */
export function findEntry(
  entry: string,
  workingDirectory: string,
  node: string = process.execPath,
): Entry {
  const cwd = realDirectory(workingDirectory, entry)
  const file = findModuleFile(resolve(workingDirectory, entry))
  if (file !== undefined) {
    const path = real(file, entry)
    return { path, cwd, home: dirname(path), loader: loaderFor(path, node) }
  }
  const path = findBin(entry, workingDirectory)
  if (path === undefined) throw notFound(entry, workingDirectory)
  return { path, cwd, home: cwd, loader: [] }
}

function notFound(entry: string, workingDirectory: string): HandoffError {
  const path = resolve(workingDirectory, entry)
  // Throws if the path does not exist or may not be read.
  return statSync(real(path, entry)).isDirectory()
    ? cannotStart(
        entry,
        'it is a directory without a package.json that names a file, or an index.js',
      )
    : cannotStart(entry, 'it is not a file')
}

/**
 * Returns the name of a run: that of the package of the entry, without its scope; else that of the file.
 */
export function nameOf({ path, home }: Pick<Entry, 'path' | 'home'>): string {
  const directory = packageDirectory(home)
  const named = directory === undefined ? undefined : packageName(directory)
  return named ?? sanitise(basename(path, extname(path)))
}

/** Returns the name of the package in this directory, in characters that a directory may have. */
function packageName(directory: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    return typeof name === 'string' && name !== ''
      ? sanitise(name.slice(name.lastIndexOf('/') + 1))
      : undefined
  } catch {
    // Node itself reports a broken package.json when it starts the entry.
    return undefined
  }
}

/** Returns the name of the package of the working directory, which names its run. */
export function packageNameHere(): string | undefined {
  const directory = packageDirectory(process.cwd())
  return directory === undefined ? undefined : packageName(directory)
}

/** Returns the nearest directory upwards that has a package.json. */
export function packageDirectory(from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    if (statSync(join(directory, 'package.json'), { throwIfNoEntry: false })?.isFile()) {
      return directory
    }
    if (directory === dirname(directory)) return undefined
  }
}

/** How long the name of a run may be. */
export const mostLetters = 64

/** Returns whether a name can be a directory: one plain path segment. */
export function isName(name: string): boolean {
  return name.length <= mostLetters && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)
}

function sanitise(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '')
  return plain.slice(0, mostLetters) || 'server'
}

function loaderFor(path: string, node: string): string[] {
  const ending = extname(path)
  if (!typed.has(ending)) return []
  const tsx = findTsx(path)
  if (tsx !== undefined) return ['--import', tsx]
  if (strippable.has(ending) && stripsTypes()) return []
  // Another Node may strip types. If it does not, it reports that itself when it starts.
  if (node !== process.execPath) return []
  throw cannotStart(
    path,
    `Node.js ${process.versions.node} cannot load ${ending} files by itself, and tsx is not installed for it (npm i -D tsx)`,
  )
}

/** Node >= 22.18, unless a flag switches it off: https://nodejs.org/api/process.html#processfeaturestypescript */
function stripsTypes(): boolean {
  return 'typescript' in process.features && Boolean(process.features.typescript)
}

/** Returns the URL of tsx as the entry would import it: `--import tsx` would search from the cwd. */
function findTsx(path: string): string | undefined {
  try {
    return pathToFileURL(createRequire(path).resolve('tsx')).href
  } catch {
    return undefined
  }
}

function realDirectory(directory: string, entry: string): string {
  try {
    return realpathSync(directory)
  } catch (cause) {
    const reason = `its working directory ${directory} cannot be used: ${reasonOf(cause)}`
    throw cannotStart(entry, reason, cause)
  }
}

function real(path: string, what: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw cannotStart(what, reasonOf(cause), cause)
  }
}

function cannotStart(what: string, reason: string, cause?: unknown): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_ENTRY',
    `cannot start ${what}: ${reason}`,
    cause === undefined ? {} : { cause },
  )
}
