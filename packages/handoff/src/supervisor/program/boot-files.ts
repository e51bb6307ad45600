// Knows the files that a process reads before the first line of its program, and whether they have changed.

import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from './spawn.ts'

/**
 * Returns a text that changes with these files: the executable of Node.js, the loader, files of variables, and
 * each package.json and tsconfig.json that applies to the program, present or not. Node.js and loaders keep what
 * they have read of them.
 *
 * @param variables - files of `--env-file`.
 */
export function versionOfBootFiles(
  { node, flags, program: [entry = ''], cwd, env }: Command,
  variables: readonly string[],
): string {
  const loaders = flags.filter((flag) => flag.startsWith('file:')).map((url) => fileURLToPath(url))
  const folders = [...upwards(dirname(entry)), ...upwards(cwd)]
  const manifests = [...folders, ...loaders.flatMap((path) => upwards(dirname(path)))]
  const configs = [
    ...folders.flatMap((folder) => [join(folder, 'tsconfig.json'), join(folder, 'jsconfig.json')]),
    ...(env.TSX_TSCONFIG_PATH ? [resolve(cwd, env.TSX_TSCONFIG_PATH)] : []),
  ]
  const files = new Set([
    ...[node, ...loaders],
    ...variables.map((file) => resolve(cwd, file)),
    ...manifests.map((folder) => join(folder, 'package.json')),
    ...configs.flatMap((path) => withExtended(path)),
  ])
  return [...files].map((path) => `${path} ${versionOf(path)}`).join('\n')
}

/** The directory and all above it. */
function upwards(directory: string): string[] {
  const above = dirname(directory)
  return above === directory ? [directory] : [directory, ...upwards(above)]
}

/** A tsconfig.json and those that it extends. @see https://www.typescriptlang.org/tsconfig/#extends */
function withExtended(path: string, known: readonly string[] = []): string[] {
  if (known.includes(path)) return []
  const all = [path]
  for (const name of extendedBy(path)) {
    const found = name.startsWith('.') || name.startsWith('/') ? near(path, name) : at(path, name)
    if (found !== undefined) all.push(...withExtended(found, [...known, ...all]))
  }
  return all
}

/** The file has comments, and is not read as JSON. */
function extendedBy(path: string): string[] {
  try {
    const [, value = ''] =
      /"extends"\s*:\s*(\[[^\]]*\]|"[^"]*")/.exec(readFileSync(path, 'utf8')) ?? []
    return [...value.matchAll(/"([^"]*)"/g)].map(([, name = '']) => name)
  } catch {
    return []
  }
}

function near(path: string, name: string): string {
  const target = resolve(dirname(path), name)
  return target.endsWith('.json') ? target : `${target}.json`
}

function at(path: string, name: string): string | undefined {
  const { resolve } = createRequire(path)
  for (const one of [name, `${name}.json`, `${name}/tsconfig.json`]) {
    try {
      return resolve(one)
    } catch {
      // The next form.
    }
  }
  return undefined
}

function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}
