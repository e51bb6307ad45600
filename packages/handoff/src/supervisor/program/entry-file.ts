// Finds the file that an operator names: with or without its ending, by its directory, or by a command.

import { readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** Tried in this order, as by Node.js and the loaders of TypeScript. */
const endings = ['.js', '.cjs', '.mjs', '.ts', '.mts', '.cts', '.tsx', '.json']

/**
 * Finds the file of a module: exactly, else with an ending, else by the package.json or the `index` of a
 * directory. Returns undefined if there is none.
 *
 * @see https://nodejs.org/api/modules.html#all-together
 */
export function findModuleFile(path: string): string | undefined {
  if (isFile(path)) return path
  const file = withEnding(path)
  if (file !== undefined || !isDirectory(path)) return file
  for (const main of mainsOf(path)) {
    const target = resolve(path, main)
    const found = isFile(target)
      ? target
      : (withEnding(target) ?? withEnding(join(target, 'index')))
    if (found !== undefined) return found
  }
  return withEnding(join(path, 'index'))
}

/**
 * Finds the script of a command that a package has installed, such as `next`, in a directory or above it.
 * Returns undefined if there is none, or if it is not a program of Node.js.
 */
export function findBin(name: string, directory: string): string | undefined {
  if (basename(name) !== name) return undefined
  for (let from = directory; ; from = dirname(from)) {
    const bin = join(from, 'node_modules/.bin', name)
    if (isFile(bin)) return scriptOf(realpathSync(bin))
    if (from === dirname(from)) return undefined
  }
}

function scriptOf(bin: string): string | undefined {
  const text = readFileSync(bin, 'utf8')
  if (/\.[cm]?js$/.test(bin) || /^#!.*\bnode\b/.test(text)) return bin
  // A shell script of pnpm, or of npm for Windows, runs the script beside it.
  const [, script] = /exec node\s+"\$basedir\/([^"]+)"/.exec(text) ?? []
  const path = script === undefined ? undefined : resolve(dirname(bin), script)
  return path !== undefined && isFile(path) ? realpathSync(path) : undefined
}

/** Returns the files that start a package: `main`, else the plain part of `exports`. */
function mainsOf(directory: string): string[] {
  const { main, exports } = readManifest(directory)
  return [main, ...targetsOf(exports)].filter((target) => typeof target === 'string')
}

function targetsOf(exports: unknown): string[] {
  if (typeof exports === 'string') return [exports]
  if (typeof exports !== 'object' || exports === null) return []
  const conditions = exports as Record<string, unknown>
  return ['.', 'node', 'import', 'require', 'default'].flatMap((name) =>
    targetsOf(conditions[name]),
  )
}

function readManifest(directory: string): { main?: unknown; exports?: unknown } {
  try {
    return Object(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')))
  } catch {
    // Node.js itself reports a broken package.json when it starts the file.
    return {}
  }
}

function withEnding(path: string): string | undefined {
  return endings.map((ending) => `${path}${ending}`).find(isFile)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
