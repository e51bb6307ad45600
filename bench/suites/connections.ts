// Idle keep-alive connections change process: how long it takes, and how long a busy client waits meanwhile.

import type net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { allThreadsMs, descriptorLimit, mainThreadMs } from '../core/machine.ts'
import { type Context, column, defineSuite, type Sample } from '../core/suite.ts'
import { type BusyWaits, compileBusy } from '../load/busy.ts'
import { ask, openIdle, probe, type Waits } from '../load/idle.ts'
import { Generation } from '../peers/generation.ts'

type Names = 'connections' | 'beside' | 'handoffs' | 'think' | 'ramp' | 'rest'

/** Without --connections. */
const usual = [100, 1_000, 10_000]

/** The longest rest of busy connections between two requests, in milliseconds. */
const BUSY_REST_MS = 30

/** How long before a new process starts busy connections are measured, in milliseconds. */
const STEADY_MS = 1_000

/** How long from the commit on they are measured, in milliseconds; longer if the idle ones take longer. */
const MOVING_MS = 250

export const connections = defineSuite<Names>({
  name: 'connections',
  title: 'Idle connections change process',
  about:
    'From the commit to the last ack, with so many idle keep-alive connections, and the longest wait of one client that asks all the time. ' +
    'Then with busy connections (each rests 0 to 30 ms) beside the most idle ones, and beside none: how long their requests take in the ' +
    'second before the new process starts, and from the commit for 250 ms or until the idle ones have gone over. ' +
    'Each process needs two descriptors for a connection for a moment: mind `ulimit -n`. The aims are 100 ms for 10,000, and 25 ms for the client.',
  options: {
    connections: {
      about: 'idle connections; 0 stands for 100, 1,000 and 10,000',
      quick: 0,
      full: 0,
    },
    beside: {
      about: 'busy connections beside the idle ones, in further cases; 0: none',
      quick: 64,
      full: 64,
    },
    handoffs: { about: 'handoffs in a row, of the same connections', quick: 1, full: 5 },
    think: {
      about: 'milliseconds that the busy client rests between two requests',
      quick: 0,
      full: 0,
    },
    rest: {
      about: 'milliseconds without a request on the idle connections before each handoff',
      quick: 1_500,
      full: 1_500,
    },
    ramp: {
      about: 'milliseconds that both processes may accept; 0 is off',
      quick: 3_000,
      full: 3_000,
    },
  },
  columns: [
    column('connections', 'connections', '', 0),
    column('moved', 'commit to last ack', 'ms'),
    column('wait', 'a busy client waits', 'ms'),
    column('starting', 'while the process starts', 'ms'),
    column('oldCpu', 'processor time, old', 'ms', 0),
    column('oldOther', 'other threads', 'ms', 0),
    column('newCpu', 'new', 'ms', 0),
    column('newOther', 'other threads', 'ms', 0),
    column('alive', 'alive', '', 0),
    column('steadyP50', 'busy before: p50', 'ms'),
    column('steadyP99', 'p99', 'ms'),
    column('steadyMax', 'longest', 'ms'),
    column('movingP50', 'from the commit: p50', 'ms'),
    column('movingP99', 'p99', 'ms'),
    column('movingMax', 'longest', 'ms'),
  ],
  async *run({ options, resources, progress }) {
    const counts = options.connections > 0 ? [options.connections] : usual
    const others = options.beside > 0 ? [0, counts.at(-1) ?? 0] : []
    progress.begin('connections', (counts.length + others.length) * options.handoffs)
    for (const [count, busy] of [
      ...counts.map((count) => [count, 0] as const),
      ...others.map((count) => [count, options.beside] as const),
    ]) {
      if (count > descriptorLimit() - 500) {
        progress.line(
          `skipping ${count} connections: a process may have ${descriptorLimit()} descriptors here. Raise the limit (ulimit -n ${2 * count + 1000}).`,
        )
        continue
      }
      yield* measure(count, busy, options, { resources, progress })
    }
  },
  check: (samples) =>
    samples
      .filter(({ figures }) => figures.alive !== figures.connections)
      .map(
        ({ figures }) => `only ${figures.alive} of ${figures.connections} connections were alive`,
      ),
})

async function* measure(
  count: number,
  busy: number,
  { handoffs, think, ramp, rest }: Readonly<Record<Names, number>>,
  { resources, progress }: Pick<Context, 'resources' | 'progress'>,
): AsyncGenerator<Sample, void> {
  const directory = resources.directory()
  const options = { rampMs: ramp, busy: Math.max(1, busy) }
  const clients = busy === 0 ? undefined : compileBusy(resources)
  const name = nameOf(count, busy)
  let old = new Generation(resources, directory, options)
  const sockets: net.Socket[] = []
  try {
    await old.event('serving')
    sockets.push(...(await openIdle(await old.port(), count)))
    for (let run = 1; run <= handoffs; run++) {
      progress.step(`${name}, handoff ${run} of ${handoffs}`)
      const asking = clients?.(await old.port(), busy, BUSY_REST_MS)
      await pause(rest)
      const waiting = asking ? undefined : probe(await old.port(), think)
      const start = performance.now()
      const next = new Generation(resources, directory, options)
      await old.commit()
      const committed = performance.now()
      const before = [old, next].map(({ pid }) => processorTime(pid))
      const movedMs = await old.moved()
      const moved = performance.now()
      const after = [old, next].map(({ pid }) => processorTime(pid))
      await Promise.all([old.event('drained'), next.event('serving')])
      const spans = { start, committed, moved }
      const waits = (await waiting?.stop().then((of) => oneClient(of, spans))) ?? {}
      const busyWaits = (await asking?.stop().then((of) => busyClients(of, spans))) ?? {}
      const answers = await Promise.allSettled(sockets.map(ask))
      yield {
        case: name,
        subject: 'handoff',
        run,
        figures: {
          connections: count,
          ...(count > 0 && { moved: movedMs, ...processorTimes(before, after) }),
          ...waits,
          ...busyWaits,
          alive: answers.filter(({ status }) => status === 'fulfilled').length,
        },
      }
      await old.exited
      old = next
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await old.stop()
  }
}

function nameOf(count: number, busy: number): string {
  const idle = `${count.toLocaleString('en')} connections`
  if (busy === 0) return idle
  return count === 0 ? `${busy} busy ones alone` : `${idle}, ${busy} busy ones`
}

interface Spans {
  readonly start: number
  readonly committed: number
  readonly moved: number
}

function oneClient(waits: Waits, { start, committed, moved }: Spans): Record<string, number> {
  return { wait: waits.longest(committed, moved), starting: waits.longest(start, committed) }
}

function busyClients(
  waitsIn: (from: number, to: number) => BusyWaits,
  { start, committed, moved }: Spans,
): Record<string, number> {
  const steady = waitsIn(start - STEADY_MS, start)
  const moving = waitsIn(committed, Math.max(moved, committed + MOVING_MS))
  return {
    starting: waitsIn(start, committed).max,
    steadyP50: steady.p50,
    steadyP99: steady.p99,
    steadyMax: steady.max,
    movingP50: moving.p50,
    movingP99: moving.p99,
    movingMax: moving.max,
  }
}

interface ProcessorTime {
  readonly main: number
  readonly others: number
}

/** Returns what the threads of a process have used so far, in milliseconds. */
function processorTime(pid: number): ProcessorTime {
  const main = mainThreadMs(pid).ran
  return { main, others: allThreadsMs(pid) - main }
}

function processorTimes(
  before: readonly ProcessorTime[],
  after: readonly ProcessorTime[],
): Record<string, number> {
  const [old, next] = after.map(({ main, others }, index) => ({
    main: main - (before[index]?.main ?? Number.NaN),
    others: others - (before[index]?.others ?? Number.NaN),
  }))
  return {
    oldCpu: old?.main ?? Number.NaN,
    oldOther: old?.others ?? Number.NaN,
    newCpu: next?.main ?? Number.NaN,
    newOther: next?.others ?? Number.NaN,
  }
}
