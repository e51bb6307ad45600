// Decides which files are sources, whose changes reload the server.

import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, sep } from 'node:path'
import { globTest } from './glob.ts'

const endings = new Set([
  ...['.js', '.mjs', '.cjs', '.jsx'],
  ...['.ts', '.mts', '.cts', '.tsx'],
  ...['.json', '.env', '.yaml', '.yml', '.toml'],
])

export function isSource(path: string): boolean {
  return endings.has(extname(path)) || isEnvironmentFile(path)
}

/**
 * Makes the test for what is not watched: what matches one of `patterns`; dependencies, git's own
 * files, the `runs` of this user, and what git ignores by a plain name, such as `dist/`, unless the
 * entry lies in it.
 */
export function isIgnored(
  directory: string,
  entry: string,
  runs: string,
  patterns: readonly string[] = [],
): (path: string) => boolean {
  const tests = patterns.map((pattern) => globTest(pattern, directory))
  const names = new Set(['node_modules', '.git'])
  const paths = new Set([runs])
  for (const folder of upToRepository(directory)) readGitignore(folder, names, paths)
  return (path) => {
    if (path !== directory && tests.some((test) => test(path))) return true
    if (isEnvironmentFile(path) || isWithin(path, entry)) return false
    return names.has(basename(path)) || paths.has(path)
  }
}

/** `.env`, `.env.local`: configuration, although git ignores them. */
function isEnvironmentFile(path: string): boolean {
  return basename(path).startsWith('.env')
}

function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory + sep)
}

/** Returns the folders of the .gitignore files that apply; none outside of a repository. */
function upToRepository(directory: string): string[] {
  const folders: string[] = []
  for (let folder = directory; ; folder = dirname(folder)) {
    folders.push(folder)
    if (existsSync(join(folder, '.git'))) return folders
    if (folder === dirname(folder)) return []
  }
}

/** Reads the plain names of a .gitignore. Patterns are skipped: gitignore(5). */
function readGitignore(folder: string, names: Set<string>, paths: Set<string>): void {
  const file = join(folder, '.gitignore')
  if (!existsSync(file)) return
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const plain = /^(\/?)([\w.-]+)\/?$/.exec(line.trim())
    if (plain === null) continue
    if (plain[1] === '/') paths.add(join(folder, plain[2] as string))
    else names.add(plain[2] as string)
  }
}
