// Starts bench/plain-server.mjs in the four ways that bench/workers.ts compares.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cli, spawnCli } from '../test/support/cli.ts'
import { freePort } from '../test/support/free-port.ts'
import { send } from '../test/support/load/send.ts'
import { Output } from '../test/support/output.ts'
import { gone, startedWith } from '../test/support/process-facts.ts'
import { until } from '../test/support/until.ts'

export interface Running {
  port: number
  /** All its processes: those that serve, and whoever runs them. None without /proc. */
  pids(): number[]
  stop(): Promise<void>
}

/** Under `handoff run --workers 2`; it can be reloaded. */
export interface Fleet extends Running {
  reload(flags: readonly string[]): Promise<void>
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const server = here('plain-server.mjs')

export async function startHandoff(): Promise<Fleet> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'handoff-bench-'))
  const env = { PORT: `${port}`, HANDOFF_DIR: directory }
  const child = spawnCli(['run', '--name', 'bench', '--workers', '2', server], { env })
  const output = new Output()
  for (const stream of [child.stdout, child.stderr]) if (stream) output.collect(stream)
  const fleet = {
    ...running(port),
    async reload(flags: readonly string[]) {
      const { exitCode, stderr } = await cli(['reload', 'bench', ...flags], env)
      if (exitCode !== 0) throw new Error(`the reload failed: ${stderr}\n${output}`)
    },
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
      rmSync(directory, { recursive: true })
    },
  }
  return served(fleet, 2)
}

/** Without anybody who runs it: one process, or the three of node:cluster. */
export async function startNode(program: 'plain-server.mjs' | 'cluster.mjs'): Promise<Running> {
  const port = await freePort()
  const child = spawn(process.execPath, [here(program)], {
    env: { ...process.env, PORT: `${port}` },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true, // A session of its own, as the others have: see startBare.
  })
  const started = running(port)
  const stop = async () => {
    const pids = started.pids()
    child.kill('SIGTERM')
    // The workers of a cluster end when they have lost their primary.
    await Promise.all(pids.map((pid) => gone(pid)))
  }
  return served({ ...started, stop }, program === 'cluster.mjs' ? 2 : 1)
}

/** @param pm2 - the command; its daemon is one of our own, and ends with this. */
export async function startPm2(pm2: string): Promise<Running> {
  const port = await freePort()
  const home = mkdtempSync(join(tmpdir(), 'pm2-bench-'))
  const env = { ...process.env, PORT: `${port}`, PM2_HOME: home }
  const run = (...args: string[]) => promisify(execFile)(pm2, args, { env })
  await run('start', server, '--name', 'bench', '--instances', '2')
  const started = running(port)
  const stop = async () => {
    const pids = started.pids()
    await run('kill')
    await Promise.all(pids.map((pid) => gone(pid)))
    rmSync(home, { recursive: true })
  }
  return served({ ...started, stop }, 2)
}

function running(port: number): Pick<Running, 'port' | 'pids'> {
  return { port, pids: () => startedWith('PORT', `${port}`) }
}

/** Gives it back when so many of its processes have answered; stops it when they do not. */
async function served<T extends Running>(started: T, processes: number): Promise<T> {
  const answered = new Set<string>()
  try {
    await until(`${processes} processes answer`, async () => {
      const { kind, pid } = await send({ port: started.port }, { path: '/' })
      if (kind === 'ok' && pid !== undefined) answered.add(pid)
      return answered.size === processes
    })
    return started
  } catch (error) {
    await started.stop()
    throw error
  }
}
