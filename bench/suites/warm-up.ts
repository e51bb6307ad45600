// How long clients wait in the first second of a new process, by the number of requests that it sends itself before.

import { sharedNow } from '../../test/support/load/recorder.ts'
import { isWithin, largest, median, percentile, type Window } from '../core/statistics.ts'
import { attempt, type Context, column, defineSuite, type Sample } from '../core/suite.ts'
import { losses } from '../load/losses.ts'
import { answeredOf, MeasuredLoad, type Reports } from '../load/measured-load.ts'
import { appCommand } from '../peers/app/app.ts'
import { startHandoff } from '../peers/handoff.ts'

const counts = [0, 10, 50, 200, 1_000]
/** Of `disturbance`, without requests that take seconds. */
const clients = { kept: 64, arriving: 200, webSockets: 0, slow: 0, downloads: 0, uploads: 0 }
/** Of the process that is replaced. Its code is hot then. */
const WARM_UP_MS = 3_000
/** From the trigger to the next one: the new process is hot by then. */
const REST_MS = 4_000
/** From the first answer of the new process on. */
const FIRST_MS = 1_000

export const warmUp = defineSuite<'runs' | 'reloads'>({
  name: 'warm-up',
  title: 'Waits in the first second of a new process, by the requests of its warm-up',
  about:
    'Fastify with the plugin, 64 kept connections (0 to 30 ms at rest) and 200 new connections a second, with a ramp. A reload takes from ' +
    'the trigger to the first answer of the new process; the waits are those of the second from then on.',
  isExtra: true,
  options: {
    runs: { about: 'runs of each count, each with new processes', quick: 1, full: 3 },
    reloads: { about: 'reloads in a run', quick: 2, full: 4 },
  },
  columns: [
    column('generation', 'a reload takes', 'ms', 0),
    column('newP99', 'new p99', 'ms'),
    column('newWorst', 'new worst', 'ms', 0),
    column('keptP99', 'kept p99', 'ms'),
    column('keptWorst', 'kept worst', 'ms', 0),
    column('newSteady', 'new p99 before', 'ms'),
    column('keptSteady', 'kept p99 before', 'ms'),
    column('lost', 'lost', '', 0, 'sum'),
  ],
  async *run({ options, progress, resources }) {
    progress.begin('warm-up', options.runs * counts.length)
    for (let run = 1; run <= options.runs; run++)
      for (const count of counts) {
        const subject = `${count.toLocaleString('en-US')} requests`
        progress.step(`${subject}, run ${run} of ${options.runs}`)
        yield* await attempt(subject, progress, async () => {
          const figures = await measure(count, run, options.reloads, resources)
          return { subject, run, figures }
        })
      }
  },
})

async function measure(
  count: number,
  run: number,
  reloads: number,
  resources: Context['resources'],
): Promise<Sample['figures']> {
  const server = await startHandoff(resources, [...appCommand('plugin'), `${count}`])
  let load: MeasuredLoad | undefined
  try {
    load = await MeasuredLoad.start(server.port, clients, run)
    await load.run(WARM_UP_MS)
    const triggers: number[] = []
    for (let reload = 1; reload <= reloads; reload++) {
      triggers.push(sharedNow())
      await server.trigger()
      await load.run(REST_MS)
    }
    return figuresOf(await load.stop(), triggers)
  } finally {
    await load?.dispose()
    await server.stop()
  }
}

function figuresOf(reports: Reports, triggers: readonly number[]): Sample['figures'] {
  const begins = triggers.flatMap((trigger) => firstAnswerAfter(reports, trigger))
  const first = begins.map((at): Window => ({ from: at, to: at + FIRST_MS }))
  const before = triggers.map((at): Window => ({ from: at - FIRST_MS, to: at }))
  const times = (kind: 'arriving' | 'kept', windows: readonly Window[]) =>
    answeredOf(reports[kind].recorded, kind)
      .filter(({ startedAt }) => isWithin(startedAt, windows))
      .map(({ ms }) => ms)
  const [ofNew, ofKept] = [times('arriving', first), times('kept', first)]
  return {
    generation: median(begins.map((at, index) => at - (triggers[index] ?? Number.NaN))),
    newP99: percentile(ofNew, 99),
    newWorst: largest(ofNew),
    keptP99: percentile(ofKept, 99),
    keptWorst: largest(ofKept),
    newSteady: percentile(times('arriving', before), 99),
    keptSteady: percentile(times('kept', before), 99),
    lost: losses(reports).lost ?? Number.NaN,
  }
}

/** The moment of the first answer of the process that a trigger has started. */
function firstAnswerAfter({ arriving, kept }: Reports, trigger: number): number[] {
  const first = new Map<string, number>()
  for (const { recorded } of [arriving, kept])
    for (const [pid, at] of recorded?.firstAnswers ?? [])
      first.set(pid, Math.min(at, first.get(pid) ?? Number.POSITIVE_INFINITY))
  return [Math.min(...[...first.values()].filter((at) => at > trigger))].filter(Number.isFinite)
}
