// The file that starts the server: where it is now, what it is called, what loads it.

import { readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { findBin, findModuleFile } from './entry-file.ts'

/** An entry as found at this moment; symbolic links may lead elsewhere at the next start. */
export interface Entry {
  readonly path: string
  readonly cwd: string
  /** The directory that the run is named after, and that is watched, with the rest of its package. */
  readonly home: string
  /** Flags for node that load it: `--import` of tsx for TypeScript. */
  readonly loader: readonly string[]
}

/** Endings that Node removes the types of by itself, where it can (Node >= 22.18). */
const strippable = new Set(['.ts', '.mts', '.cts'])
const typed = new Set([...strippable, '.tsx'])

/**
 * The directory as the shell calls it: getcwd(3) would follow a `current` symlink once and for
 * all, and every release would start in the first one.
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
 * Finds the entry anew, to be run by the executable `node`.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY when it is not there or nothing can load it.
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
  // It throws for what is not there, or must not be looked at.
  return statSync(real(path, entry)).isDirectory()
    ? cannotStart(
        entry,
        'it is a directory without a package.json that names a file, or an index.js',
      )
    : cannotStart(entry, 'it is not a file')
}

/**
 * The name of a run: that of the package the entry belongs to, without its scope; else the file's.
 */
export function nameOf({ path, home }: Pick<Entry, 'path' | 'home'>): string {
  const directory = packageDirectory(home)
  const named = directory === undefined ? undefined : packageName(directory)
  return named ?? sanitise(basename(path, extname(path)))
}

/** The name of the package in this directory, fit to be a directory itself. */
export function packageName(directory: string): string | undefined {
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

/** The nearest directory upwards that holds a package.json. */
export function packageDirectory(from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    if (statSync(join(directory, 'package.json'), { throwIfNoEntry: false })?.isFile()) {
      return directory
    }
    if (directory === dirname(directory)) return undefined
  }
}

/** Whether it can be a directory of its own: one plain path segment. */
export function isName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(name)
}

function sanitise(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '')
  return plain.slice(0, 64) || 'server'
}

function loaderFor(path: string, node: string): string[] {
  const ending = extname(path)
  if (!typed.has(ending)) return []
  const tsx = findTsx(path)
  if (tsx !== undefined) return ['--import', tsx]
  if (strippable.has(ending) && stripsTypes()) return []
  // Another Node may well strip types; one that does not tells so itself when it starts.
  if (node !== process.execPath) return []
  throw cannotStart(
    path,
    `Node ${process.versions.node} cannot load ${ending} files by itself, and tsx is not installed for it (npm i -D tsx)`,
  )
}

/** Node >= 22.18, unless it was told not to: https://nodejs.org/api/process.html#processfeaturestypescript */
function stripsTypes(): boolean {
  return 'typescript' in process.features && Boolean(process.features.typescript)
}

/** tsx as the entry would import it; by its place, since `--import tsx` would search from the cwd. */
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
