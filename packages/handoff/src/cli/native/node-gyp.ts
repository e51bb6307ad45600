// Finds what building the native core takes: node-gyp, the headers of Node.js, and a compiler.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'

/**
 * Returns the script of node-gyp: the one that npm names, that of the project or of this package, or that
 * which npm brings along.
 */
export function findNodeGyp(
  directories: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const named = env.npm_config_node_gyp
  if (named !== undefined && existsSync(named)) return named
  for (const directory of [...directories, ...npmDirectories(env)]) {
    try {
      const { resolve } = createRequire(join(directory, 'package.json'))
      return resolve('node-gyp/bin/node-gyp.js')
    } catch {
      // Not there: the next one.
    }
  }
  return undefined
}

/** The directories of npm: beside this Node.js, and that of the command in PATH. */
function npmDirectories(env: NodeJS.ProcessEnv): string[] {
  const beside = join(dirname(dirname(realpathSync(process.execPath))), 'lib/node_modules/npm')
  const commands = (env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'npm'))
    .filter((path) => existsSync(path))
  return [beside, ...commands.map((path) => dirname(dirname(realpathSync(path))))]
}

/**
 * Returns the flag of node-gyp for the headers that are installed with this Node.js. Without them node-gyp
 * downloads headers.
 */
export function headerFlags(
  executable = process.execPath,
  version = process.versions.node,
  env: NodeJS.ProcessEnv = process.env,
): string[] {
  if (env.npm_config_nodedir !== undefined) return []
  const prefix = dirname(dirname(realpathSync(executable)))
  const header = join(prefix, 'include/node/node_version.h')
  if (!existsSync(header)) return []
  const text = readFileSync(header, 'utf8')
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`^#define NODE_${part}_VERSION (\\d+)`, 'm').exec(text)?.[1],
  )
  return parts.join('.') === version ? [`--nodedir=${prefix}`] : []
}

/** Returns what a build needs and this machine does not have. */
export function missingTools(env: NodeJS.ProcessEnv = process.env): string[] {
  const works = (command: string) => spawnSync(command, ['--version'], { env }).status === 0
  const [compiler] = (env.CXX ?? '').split(' ')
  const needed: readonly [string, readonly string[]][] = [
    ['a C++ compiler', compiler ? [compiler] : ['c++', 'g++', 'clang++']],
    ['make', ['make']],
    ['Python 3', ['python3', 'python']],
  ]
  return needed.filter(([, commands]) => !commands.some(works)).map(([tool]) => tool)
}
