// Starts the command again without the preloads of the program. The command imports this first.
// A preload that listens, such as an exporter of metrics, would hold the port of the program here.
// Variables from a file would reach every generation, although the file has changed.

import { existsSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseEnv } from 'node:util'
import { takeInherited } from '../io/listeners/inherited-variables.ts'
import { execProgram } from '../io/system/exec-program.ts'
import { environmentFiles, withoutProgramFlags } from '../supervisor/program/own-flags.ts'
import { reasonOf } from '../terms/errors.ts'
import { printError } from './client/print-error.ts'

try {
  startClean()
} catch (error) {
  printError(
    `cannot remove the preloads of the program from this command: ${reasonOf(error)}. They run here, ` +
      'too. Write those flags after `handoff run` instead.',
  )
}

/** Returns if there is no preload. @throws a system error of execve(2). */
function startClean(): void {
  const [, script = '', ...args] = process.argv
  // From sources the command itself needs a loader. A release that resumes a run has descriptors that only
  // it knows.
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

/** Returns the environment before any preload has changed it. */
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

/** Without /proc: removes the variables of `--env-file`, as far as the files still have them. */
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

/** The descriptors of socket activation, and of the IPC channel of the parent, which Node.js opens. */
function inheritedDescriptors(env: NodeJS.ProcessEnv): number[] {
  const channel = env.NODE_CHANNEL_FD
  const inherited = takeInherited({ ...env }, process.pid).map(({ fd }) => fd)
  return channel === undefined ? inherited : [...inherited, Number(channel)]
}
