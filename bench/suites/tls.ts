// TLS connections that change process: how long one takes, how fast it is afterwards, and what it holds.
//
// What a suite compares is taken in one process or in a new pair of processes, in turn: see `steady`.

import type net from 'node:net'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { send } from '../../test/support/load/send.ts'
import { cpuTimeMs } from '../core/machine.ts'
import type { Resources } from '../core/resources.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { compileAskSecurely, type SecureConnections } from '../load/ask-securely.ts'
import { ask, openIdle } from '../load/idle.ts'
import { answers, end } from '../peers/answers.ts'
import { Generation } from '../peers/generation.ts'
import { startHandoff } from '../peers/handoff.ts'
import { identity } from '../programs/identity.ts'

type Open = (port: number, connections: number) => Promise<SecureConnections>

const CONNECTIONS = 32
const MS = 1_000
const ca = identity.cert
const program = fileURLToPath(new URL('../programs/hello.ts', import.meta.url))

export const tls = defineSuite<'rounds' | 'connections'>({
  name: 'tls',
  title: 'TLS connections change process',
  about:
    'How long an idle TLS connection takes from the commit to the last ack, beside one in clear text. Requests a second and processor time for ' +
    'a request over TLS connections that were moved, to those of others in the same process (the aim is 0.8 or more), and what each holds ' +
    'of the memory. Fastify over TLS with the plugin, to Fastify without (the aim is 0.99 or more).',
  options: {
    rounds: { about: 'new processes, for each figure', quick: 1, full: 9 },
    connections: { about: 'idle connections', quick: 1_000, full: 1_000 },
  },
  columns: [
    column('each', 'a connection takes', 'µs', 0),
    column('perSecond', 'requests/s', '', 0),
    column('cpuMicros', 'processor time', 'µs'),
    column('perSecondRatio', 'requests/s, ratio', '', 3),
    column('cpuRatio', 'processor time, ratio', '', 3),
    column('memory', 'memory of one', 'kB'),
    column('alive', 'alive', '', 0),
  ],
  async *run({ options, resources, progress }) {
    const open = compileAskSecurely(resources)
    const { rounds, connections } = options
    progress.begin('tls', 4 * rounds)
    for (let run = 1; run <= rounds; run++) {
      for (const isSecure of [false, true]) {
        const kind = isSecure ? 'TLS' : 'clear text'
        progress.step(`${connections} idle connections, ${kind}, ${run} of ${rounds}`)
        yield* await handOver({ count: connections, isSecure, run, resources })
      }
      progress.step(`moved connections, ${run} of ${rounds}`)
      yield* await measureMoved(run, resources, open)
      progress.step(`with and without the plugin, ${run} of ${rounds}`)
      yield* await measurePair(run, resources, open)
    }
  },
  check: (samples) =>
    samples
      .filter(({ figures }) => figures.alive !== undefined && figures.alive !== figures.opened)
      .map(({ figures }) => `only ${figures.alive} of ${figures.opened} connections were alive`),
})

/** Idle connections go over, and what they hold of the memory of the old and the new process. */
async function handOver({
  count,
  isSecure,
  run,
  resources,
}: {
  count: number
  isSecure: boolean
  run: number
  resources: Resources
}): Promise<Sample[]> {
  const directory = resources.directory()
  const options = { isSecure }
  let old = new Generation(resources, directory, options)
  const sockets: net.Socket[] = []
  try {
    const port = await old.port()
    const target = isSecure ? { port, ca } : { port }
    const memory = async () => Number((await send(target, { path: '/memory' })).text)
    // What the first connections bring with them is no cost of each one.
    const warm = await openIdle(port, 200, isSecure ? ca : undefined)
    for (const socket of warm) socket.destroy()
    const empty = await memory()
    sockets.push(...(await openIdle(port, count, isSecure ? ca : undefined)))
    const full = await memory()
    const next = new Generation(resources, directory, options)
    const began = await old.commit()
    const ended = await old.event('drained')
    await next.event('serving')
    await old.exited
    old = next
    const parked = await memory()
    const replies = await Promise.allSettled(sockets.map(ask))
    const used = await memory()
    const alive = replies.filter(({ status }) => status === 'fulfilled').length
    for (const socket of sockets) socket.destroy()
    const base = await emptied(memory)
    const name = `${count.toLocaleString('en')} idle, ${isSecure ? 'TLS' : 'clear text'}`
    const each = ((ended.elapsedMs - began.elapsedMs) / count) * 1_000
    const perOne = (bytes: number) => bytes / count / 1_024
    return [
      { case: name, subject: 'not moved', run, figures: { memory: perOne(full - empty) } },
      {
        case: name,
        subject: 'moved',
        run,
        figures: { each, memory: perOne(parked - base), alive, opened: sockets.length },
      },
      { case: name, subject: 'moved, and used', run, figures: { memory: perOne(used - base) } },
    ]
  } finally {
    for (const socket of sockets) socket.destroy()
    await old.stop()
  }
}

/** Asks until the memory does not fall any more: connections that were closed are freed by and by. */
async function emptied(memory: () => Promise<number>): Promise<number> {
  let last = await memory()
  for (let next = await memory(); next < last; next = await memory()) last = next
  return last
}

interface Measured {
  perSecond: number
  cpuMicros: number
}

async function measure(connections: SecureConnections, pid: number): Promise<Measured> {
  const before = cpuTimeMs(pid)
  const { perSecond, requests } = await connections.ask(MS)
  return { perSecond, cpuMicros: ((cpuTimeMs(pid) - before) / requests) * 1_000 }
}

function ratios(one: Measured, other: Measured): Record<string, number> {
  return {
    perSecondRatio: one.perSecond / other.perSecond,
    cpuRatio: one.cpuMicros / other.cpuMicros,
  }
}

/** Compares connections that came from another process with those that the same process accepted. */
async function measureMoved(run: number, resources: Resources, open: Open): Promise<Sample[]> {
  const directory = resources.directory()
  let process = new Generation(resources, directory, { isSecure: true })
  const opened: SecureConnections[] = []
  try {
    const port = await process.port()
    await process.event('serving')
    const moved = await open(port, CONNECTIONS)
    opened.push(moved)
    await moved.ask(MS)
    const next = new Generation(resources, directory, { isSecure: true })
    await process.exited
    process = next
    const others = await open(port, CONNECTIONS)
    opened.push(others)
    // Both kinds have warm code before either is measured.
    for (const each of [moved, others, moved, others]) await measure(each, process.pid)
    const order = run % 2 === 0 ? [1, 0, 0, 1] : [0, 1, 1, 0]
    const figures: Measured[][] = [[], []]
    for (const index of order) {
      const measured = await measure(opened[index] as SecureConnections, process.pid)
      figures[index]?.push(measured)
    }
    const [having, without] = figures.map(mean) as [Measured, Measured]
    const name = 'requests on moved connections'
    return [
      { case: name, subject: 'not moved', run, figures: { ...without } },
      { case: name, subject: 'moved', run, figures: { ...having, ...ratios(having, without) } },
    ]
  } finally {
    for (const each of opened) await each.close()
    await process.stop()
  }
}

function mean(all: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => all.reduce((sum, one) => sum + one[key], 0) / all.length
  return { perSecond: of('perSecond'), cpuMicros: of('cpuMicros') }
}

/** One program with the plugin under `handoff run`, and without both. */
async function measurePair(run: number, resources: Resources, open: Open): Promise<Sample[]> {
  const opened: SecureConnections[] = []
  const stops: (() => Promise<void>)[] = []
  try {
    const bare = await startBare(resources)
    stops.push(bare.stop)
    const having = await startHandoff(resources, [program, 'plugin', 'secure'], { ca })
    stops.push(having.stop)
    const pids: number[] = []
    for (const { port } of [bare, having]) {
      pids.push(Number(await answers({ port, ca })))
      opened.push(await open(port, CONNECTIONS))
    }
    const one = (index: number) =>
      measure(opened[index] as SecureConnections, pids[index] as number)
    for (const index of [0, 1]) await one(index)
    const figures: Measured[] = []
    for (const index of run % 2 === 0 ? [1, 0] : [0, 1]) figures[index] = await one(index)
    const [without, withPlugin] = figures as [Measured, Measured]
    const name = 'requests in steady state'
    return [
      { case: name, subject: 'without', run, figures: { ...without } },
      {
        case: name,
        subject: 'with the plugin',
        run,
        figures: { ...withPlugin, ...ratios(withPlugin, without) },
      },
    ]
  } finally {
    for (const each of opened) await each.close()
    for (const stop of stops) await stop()
  }
}

async function startBare(resources: Resources): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, ['--import', 'tsx', program, 'secure'], {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  await answers({ port, ca })
  return { port, stop: () => end(child) }
}
