// Runs one command of the built CLI to its end.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Output } from './output.ts'

const main = fileURLToPath(new URL('../../packages/handoff/dist/cli/main.js', import.meta.url))

/** `handoff` as built. */
export const command = { file: process.execPath, args: [main] }

export interface Finished {
  exitCode: number | null
  signal: NodeJS.Signals | null
  stdout: Output
  stderr: Output
}

export interface SpawnOptions {
  env: NodeJS.ProcessEnv
  cwd?: string
  /** The limit on open descriptors, for it and all that it starts. */
  openFiles?: number | undefined
}

/** Starts `handoff ARGS…` and gives the process; its standard input is empty. */
export function spawnCli(
  args: readonly string[],
  { env, cwd, openFiles }: SpawnOptions,
): ChildProcess {
  const command = [process.execPath, main, ...args]
  const limited = ['sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh', ...command]
  const [file = '', ...rest] = openFiles === undefined ? command : limited
  return spawn(file, rest, {
    env: { ...process.env, NO_COLOR: '1', ...env },
    ...(cwd !== undefined && { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs `handoff ARGS…` and resolves when it has ended and all its output was read. */
export async function cli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  const child = spawnCli(args, { env })
  const stdout = new Output()
  const stderr = new Output()
  if (child.stdout) stdout.collect(child.stdout)
  if (child.stderr) stderr.collect(child.stderr)
  const [exitCode, signal] = await once(child, 'close')
  return { exitCode, signal, stdout, stderr }
}
