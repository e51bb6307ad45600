// Imported first by the command: starts it again without what is preloaded for the program.
// A preload that listens, such as an exporter of metrics, would hold the program's port here, and
// variables that it has read from a file would reach every generation, edited or not.

import { existsSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseEnv } from 'node:util'
import { takeInherited } from '../io/listeners/inherited-variables.ts'
import { execProgram } from '../io/system/exec-program.ts'
import { environmentFiles, withoutProgramFlags } from '../supervisor/program/own-flags.ts'
import { reasonOf } from '../terms/errors.ts'
import { printError } from './client/fail.ts'

try {
  startClean()
} catch (error) {
  printError(
    `cannot leave out what is preloaded for the program: ${reasonOf(error)}. It runs in this ` +
      'command as well; write those flags after `handoff run` instead.',
  )
}

/** Returns where there is nothing to leave out. @throws a system error of execve(2). */
function startClean(): void {
  const [, script = '', ...args] = process.argv
  // From its sources the command itself needs a loader; and a release that goes on with another
  // one's run has descriptors that only it knows.
  if (extname(script) === '.ts' || process.env.HANDOFF_RESUME !== undefined) return
  const { execArgv } = process
  const start = withoutProgramFlags({ execArgv, env: firstEnvironment(execArgv) })
  if (start === undefined) return
  execProgram({
    file: process.execPath,
    args: [...start.execArgv, script, ...args],
    env: start.env,
    keep: inheritedDescriptors(start.env),
  })
}

/** The environment before any preload has changed it. */
function firstEnvironment(execArgv: readonly string[]): NodeJS.ProcessEnv {
  let text: string
  try {
    // As it was at execve(2): proc_pid_environ(5).
    text = readFileSync('/proc/self/environ', 'utf8')
  } catch {
    return withoutFiles(process.env, environmentFiles(execArgv))
  }
  const pairs = text.split('\0').filter((pair) => pair.includes('='))
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
}

/** Where the system does not say: less what `--env-file` has set, as far as the files still say so. */
function withoutFiles(env: NodeJS.ProcessEnv, files: readonly string[]): NodeJS.ProcessEnv {
  const first = { ...env }
  for (const file of files) {
    if (!existsSync(file)) continue
    for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) {
      if (first[name] === value) delete first[name]
    }
  }
  return first
}

/** Of socket activation, and of the parent's IPC channel: Node.js takes its variable for true. */
function inheritedDescriptors(env: NodeJS.ProcessEnv): number[] {
  const channel = env.NODE_CHANNEL_FD
  const inherited = takeInherited({ ...env }, process.pid).map(({ fd }) => fd)
  return channel === undefined ? inherited : [...inherited, Number(channel)]
}
