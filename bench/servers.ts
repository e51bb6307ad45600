// Starts the servers of the benchmarks: bare by node alone, or with the plugin under `handoff run`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cli, spawnCli } from '../test/support/cli.ts'
import { Output } from '../test/support/output.ts'

const entry = fileURLToPath(new URL('server.ts', import.meta.url))

export interface Server {
  pid: number
  port: number
  /** Replaces it once; only where the plugin is. */
  reload(): Promise<void>
  stop(): Promise<void>
}

/** Fastify alone, as `node server.ts` runs it. */
export async function startBare(): Promise<Server> {
  const child = spawn(process.execPath, ['--import', 'tsx', entry, 'bare'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A session of its own, as `handoff run` gives its servers: Linux shares the processor out by
    // session (sched(7), autogroup), and neither may have a better share.
    detached: true,
  })
  return {
    ...(await placeOf(child)),
    reload: () => Promise.reject(new Error('cannot reload a bare server')),
    stop: () => end(child),
  }
}

/** Fastify with the plugin, as `handoff run server.ts` runs it. */
export function startWithPlugin(): Promise<Server> {
  return startUnderHandoff(entry, ['plugin'])
}

/** A server under `handoff run`, and all that it and its supervisor print. */
export interface ReplaceableServer extends Server {
  output: Output
}

export async function startUnderHandoff(
  program: string,
  args: readonly string[],
  variables: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<ReplaceableServer> {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-bench-'))
  const env = { ...variables, HANDOFF_DIR: directory }
  const child = spawnCli(['run', '--name', 'bench', ...flags, program, ...args], { env })
  const output = new Output()
  if (child.stderr) output.collect(child.stderr, '! ')
  return {
    output,
    ...(await placeOf(child, output)),
    async reload() {
      const { exitCode, stdout, stderr } = await cli(['reload', 'bench'], env)
      if (exitCode !== 0) throw new Error(`the reload failed:\n${stdout}\n${stderr}`)
    },
    async stop() {
      await end(child)
      rmSync(directory, { recursive: true })
    },
  }
}

async function placeOf(
  child: ChildProcess,
  output = new Output(),
): Promise<{ pid: number; port: number }> {
  if (child.stdout) output.collect(child.stdout)
  child.on('close', () => output.end())
  const [, pid, port] = await output.waitFor(/^listening (\d+) (\d+)/)
  return { pid: Number(pid), port: Number(port) }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'close')
}
