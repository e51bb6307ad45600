// A real handoff between two servers on another Node.js: `handoff run`, load, `handoff reload`, `handoff stop`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { freePort } from '../../test/support/free-port.ts'
import { Load } from '../../test/support/load/load.ts'
import { probe } from './probe.ts'

export interface HandoffReport {
  readonly ok: boolean
  /** One line. */
  readonly text: string
}

/** An emulated process starts in about 5 s on a free core. */
const startDeadlineMs = 180_000

const reloads = 3

/** Says which process answered, as the load wants to know, and of which architecture it is. */
const server = `
import http from 'node:http'
const headers = { 'x-pid': process.pid, 'x-arch': process.arch }
http
  .createServer((request, response) => response.writeHead(200, headers).end('hello'))
  .listen(Number(process.argv[2]), '127.0.0.1')
`

/** Hands a server over under load. The project has socket-handoff installed. */
export async function handOver(node: string, project: string): Promise<HandoffReport> {
  const runs = join(project, 'runs')
  mkdirSync(runs, { recursive: true, mode: 0o700 })
  writeFileSync(join(project, 'server.mjs'), server)
  // Not by the command in node_modules/.bin: it looks for node in PATH.
  const command = join(project, 'node_modules/socket-handoff/bin/handoff.mjs')
  const env = { ...process.env, HANDOFF_DIR: runs, NO_COLOR: '1' }
  const handoff = (...args: string[]): ChildProcess =>
    spawn(node, [command, ...args], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] })

  const features = probe(node, project)
  const port = await freePort()
  const run = handoff(
    ...[
      'run',
      '--name',
      'web',
      '--ready-timeout',
      '180s',
      '--watchdog',
      '0',
      'server.mjs',
      `${port}`,
    ],
  )
  const output = outputOf(run)
  try {
    const architecture = await answers(port, run)
    const load = new Load({ port }, { newConnection: 2, closedByClient: 1, keepAlive: 3 })
    await load.more(20)
    for (let i = 0; i < reloads; i++) {
      const reload = handoff('reload', 'web')
      const printed = outputOf(reload)
      if ((await ended(reload)) !== 0) throw new Error(`reload failed:\n${await printed}`)
      await load.more(20)
    }
    const tally = await load.stop()
    if ((await ended(handoff('stop', 'web'))) !== 0) throw new Error('stop failed')
    const code = await ended(run)
    const ok = tally.failed === 0 && tally.pids.size === reloads + 1 && code === 0
    const counts = `${tally.pids.size} ${architecture} processes, ${tally.requests} requests, ${tally.failed} failed`
    const moved = (await output).match(/\d+ connections? handed over[^,]*/g)?.join('; ')
    return { ok, text: `${counts}; ${moved ?? 'no connection handed over'}; ${features}` }
  } catch (error) {
    run.kill('SIGKILL')
    return { ok: false, text: `${(error as Error).message}\n${await output}` }
  }
}

async function outputOf({ stdout, stderr }: ChildProcess): Promise<string> {
  if (stdout === null || stderr === null) return ''
  return (await Promise.all([text(stdout), text(stderr)])).join('')
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

/** Waits until the server answers. @returns its architecture. */
async function answers(port: number, run: ChildProcess): Promise<string> {
  const endsAt = performance.now() + startDeadlineMs
  while (performance.now() < endsAt && run.exitCode === null) {
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
      return reply.headers.get('x-arch') ?? 'unknown'
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
  throw new Error('the server did not start')
}
