// Idle keep-alive connections change process: how long it takes, and how long a busy client waits meanwhile.

import type net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { allThreadsMs, descriptorLimit, mainThreadMs } from '../core/machine.ts'
import type { Progress } from '../core/progress.ts'
import type { Resources } from '../core/resources.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { ask, openIdle, probe } from '../load/idle.ts'
import { Generation } from '../peers/generation.ts'

type Names = 'connections' | 'handoffs' | 'think' | 'ramp' | 'rest'

/** Without --connections. */
const usual = [100, 1_000, 10_000]

export const connections = defineSuite<Names>({
  name: 'connections',
  title: 'Idle connections change process',
  about:
    'From the commit to the last ack, with so many idle keep-alive connections, and the longest wait of one client that asks all the time. ' +
    'Each process needs two descriptors for a connection for a moment: mind `ulimit -n`. The aims are 100 ms for 10,000, and 25 ms for the client.',
  options: {
    connections: {
      about: 'idle connections; 0 stands for 100, 1,000 and 10,000',
      quick: 0,
      full: 0,
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
  ],
  async *run({ options, resources, progress }) {
    const counts = options.connections > 0 ? [options.connections] : usual
    progress.begin('connections', counts.length * options.handoffs)
    for (const count of counts) {
      if (count > descriptorLimit() - 500) {
        progress.line(
          `skipping ${count} connections: a process may have ${descriptorLimit()} descriptors here. Raise the limit (ulimit -n ${2 * count + 1000}).`,
        )
        continue
      }
      yield* measure(count, options, resources, progress)
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
  { handoffs, think, ramp, rest }: Readonly<Record<Names, number>>,
  resources: Resources,
  progress: Progress,
): AsyncGenerator<Sample, void> {
  const directory = resources.directory()
  let old = new Generation(resources, directory, { rampMs: ramp })
  const sockets: net.Socket[] = []
  try {
    await old.event('serving')
    sockets.push(...(await openIdle(await old.port(), count)))
    for (let run = 1; run <= handoffs; run++) {
      progress.step(`${count.toLocaleString('en')} connections, handoff ${run} of ${handoffs}`)
      await pause(rest)
      const waiting = probe(await old.port(), think)
      const start = performance.now()
      const next = new Generation(resources, directory, { rampMs: ramp })
      await old.commit()
      const committed = performance.now()
      const before = [old, next].map(({ pid }) => processorTime(pid))
      const movedMs = await old.moved()
      const moved = performance.now()
      const after = [old, next].map(({ pid }) => processorTime(pid))
      const [oldCpu, newCpu] = after.map((time, index) => since(before[index], time))
      await Promise.all([old.event('drained'), next.event('serving')])
      const waits = await waiting.stop()
      const answers = await Promise.allSettled(sockets.map(ask))
      yield {
        case: `${count.toLocaleString('en')} connections`,
        subject: 'handoff',
        run,
        figures: {
          connections: count,
          moved: movedMs,
          wait: waits.longest(committed, moved),
          starting: waits.longest(start, committed),
          oldCpu: oldCpu?.main ?? Number.NaN,
          oldOther: oldCpu?.others ?? Number.NaN,
          newCpu: newCpu?.main ?? Number.NaN,
          newOther: newCpu?.others ?? Number.NaN,
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

interface ProcessorTime {
  readonly main: number
  readonly others: number
}

/** Returns what the threads of a process have used so far, in milliseconds. */
function processorTime(pid: number): ProcessorTime {
  const main = mainThreadMs(pid).ran
  return { main, others: allThreadsMs(pid) - main }
}

function since(before: ProcessorTime | undefined, now: ProcessorTime): ProcessorTime {
  const { main = Number.NaN, others = Number.NaN } = before ?? {}
  return { main: now.main - main, others: now.others - others }
}
