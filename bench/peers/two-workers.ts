// A plain node:http server in two processes, started in each way that can do it.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../../test/support/free-port.ts'
import { send } from '../../test/support/load/send.ts'
import { gone, startedWith } from '../../test/support/process-facts.ts'
import { until } from '../../test/support/until.ts'
import type { Resources } from '../core/resources.ts'
import { end } from './answers.ts'
import { startHandoff as startRun } from './handoff.ts'
import { pm2Command } from './pm2.ts'

export interface Running {
  port: number
  /** The processes of the peer: servers and their supervisors. Empty without /proc. */
  pids(): number[]
  stop(): Promise<void>
}

/** Under `handoff run --workers 2`; it can be reloaded. */
export interface Fleet extends Running {
  reload(...flags: readonly string[]): Promise<void>
}

const programs = (name: string) => fileURLToPath(new URL(`../programs/${name}`, import.meta.url))
const server = programs('plain-server.mjs')

export async function startHandoff(resources: Resources): Promise<Fleet> {
  const run = await startRun(resources, [server], { flags: ['--workers', '2'] })
  return answeredBy({ ...running(run.port), reload: run.reload, stop: run.stop }, 2)
}

/** Without a supervisor of ours: one process, or the three of node:cluster. */
export async function startNode(
  resources: Resources,
  program: 'plain-server.mjs' | 'cluster.mjs',
): Promise<Running> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, [programs(program)], {
    env: { ...process.env, PORT: `${port}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const started = running(port)
  const stop = async () => {
    const pids = started.pids()
    await end(child)
    // The workers of a cluster end when they have lost their primary.
    await Promise.all(pids.map((pid) => gone(pid)))
  }
  return answeredBy({ ...started, stop }, program === 'cluster.mjs' ? 2 : 1)
}

/** By a pm2 that is installed elsewhere, with a home of its own: it ends with its daemon. */
export async function startPm2(resources: Resources): Promise<Running> {
  const port = await freePort()
  const env = { ...process.env, PORT: `${port}`, PM2_HOME: resources.directory() }
  const run = (...args: string[]) => promisify(execFile)(pm2Command() ?? 'pm2', args, { env })
  await run('start', server, '--name', 'bench', '--instances', '2')
  const started = running(port)
  const stop = async () => {
    const pids = started.pids()
    await run('kill')
    await Promise.all(pids.map((pid) => gone(pid)))
  }
  return answeredBy({ ...started, stop }, 2)
}

function running(port: number): Pick<Running, 'port' | 'pids'> {
  return { port, pids: () => startedWith('PORT', `${port}`) }
}

/** Returns it when so many of its processes have answered, and stops it if they do not. */
async function answeredBy<T extends Running>(started: T, processes: number): Promise<T> {
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
