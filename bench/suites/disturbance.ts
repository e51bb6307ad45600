// What clients notice of a reload: latency in the two seconds after the trigger over that before, and all losses.

import { sharedNow } from '../../test/support/load/recorder.ts'
import {
  isWithin,
  largest,
  largestInSteps,
  median,
  percentile,
  type Window,
} from '../core/statistics.ts'
import {
  attempt,
  type Context,
  column,
  defineSuite,
  type Sample,
  type Suite,
} from '../core/suite.ts'
import { losses } from '../load/losses.ts'
import {
  answeredOf,
  type Clients,
  MeasuredLoad,
  type Reports,
  usualClients,
} from '../load/measured-load.ts'
import type { Peer } from '../peers/peer.ts'

/** After the trigger, as the aims name it. */
const AFTER_MS = 2_000
/** Then old processes leave, and what takes 2 s ends. */
const SETTLE_MS = 1_500
/** Before the trigger. */
const STEADY_MS = 2_000
/** Cold code is not what is measured. */
const WARM_UP_MS = 3_000
/** The chart: the longest wait of each so many milliseconds, from so long before the trigger. */
const STEP_MS = 100
const BEFORE_MS = 500

type Names = 'runs' | 'reloads'

interface Kind {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly clients: Clients
  readonly isExtra?: boolean
}

export const disturbance = disturbanceOf({
  name: 'disturbance',
  title: 'What clients notice of a reload',
  about:
    'Clients that never retry: 64 kept connections (0 to 30 ms at rest), 200 new connections a second, slow requests, downloads, ' +
    'uploads and 16 WebSockets. Times of the 2 s after the trigger over those of the 2 s before, pooled over the reloads of a run.',
  clients: usualClients,
})

/** A suite that reloads each peer under a load. */
export function disturbanceOf({ clients, ...words }: Kind): Suite {
  return defineSuite<Names>({
    ...words,
    options: {
      runs: { about: 'runs of each peer, each with new processes', quick: 1, full: 5 },
      reloads: { about: 'reloads in a run', quick: 1, full: 5 },
    },
    comparesPeers: true,
    takesReferences: true,
    columns: [
      column('newSteady', 'new p99 steady', 'ms'),
      column('newAfter', 'after', 'ms'),
      column('newRatio', 'ratio', '', 2),
      column('keptSteady', 'kept p99 steady', 'ms'),
      column('keptAfter', 'after', 'ms'),
      column('keptRatio', 'ratio', '', 2),
      column('worst', 'worst', 'ms', 0),
      column('generation', 'new generation', 'ms', 0),
      column('lost', 'lost', '', 0, 'sum'),
      column('closed', 'kept closed', '', 0, 'sum'),
      column('webSocketsClosed', 'WebSockets closed', '', 0, 'sum'),
      column('late', 'client late p99', 'ms'),
      column('busy', 'client busy', '%', 0),
    ],
    async *run({ options, peers, progress, resources }) {
      progress.begin(words.name, options.runs * peers.length)
      for (let run = 1; run <= options.runs; run++) {
        // Peers take turns, so that what else the machine does falls on all of them.
        for (const peer of peers) {
          progress.step(`${peer.name}, run ${run} of ${options.runs}`)
          yield* await attempt(peer.name, progress, () =>
            measure(peer, run, options.reloads, clients, { progress, resources }),
          )
        }
      }
    },
  })
}

async function measure(
  peer: Peer,
  run: number,
  reloads: number,
  clients: Clients,
  { progress, resources }: Pick<Context, 'progress' | 'resources'>,
): Promise<Sample> {
  const server = await peer.start(resources)
  let load: MeasuredLoad | undefined
  try {
    load = await MeasuredLoad.start(server.port, clients, run)
    await load.run(WARM_UP_MS)
    const triggers: number[] = []
    for (let reload = 1; reload <= reloads; reload++) {
      progress.detail(`${peer.name}, run ${run}: reload ${reload} of ${reloads}`)
      await load.run(STEADY_MS)
      triggers.push(sharedNow())
      await server.trigger()
      await load.run(AFTER_MS + SETTLE_MS)
    }
    return { subject: peer.name, run, ...figuresOf(await load.stop(), triggers) }
  } finally {
    await load?.dispose()
    await server.stop()
  }
}

/** The figures of one run, from what the clients recorded and the times of the triggers. */
export function figuresOf(
  reports: Reports,
  triggers: readonly number[],
): Pick<Sample, 'figures' | 'series'> {
  const steady = triggers.map((at): Window => ({ from: at - STEADY_MS, to: at }))
  const after = triggers.map((at): Window => ({ from: at, to: at + AFTER_MS }))
  const all = {
    new: answeredOf(reports.arriving.recorded, 'arriving'),
    kept: answeredOf(reports.kept.recorded, 'kept'),
  }
  const timesIn = (kind: keyof typeof all, windows: readonly Window[]) =>
    all[kind].filter(({ startedAt }) => isWithin(startedAt, windows)).map(({ ms }) => ms)
  const p99 = (kind: keyof typeof all, windows: readonly Window[]) =>
    percentile(timesIn(kind, windows), 99)
  const newSteady = p99('new', steady)
  const newAfter = p99('new', after)
  const keptSteady = p99('kept', steady)
  const keptAfter = p99('kept', after)
  const course = (kind: keyof typeof all) =>
    courseOf(
      all[kind].map(({ startedAt, ms }) => ({ at: startedAt, value: ms })),
      triggers,
    )
  return {
    figures: {
      newSteady,
      newAfter,
      newRatio: newAfter / newSteady,
      newMedianSteady: percentile(timesIn('new', steady), 50),
      newMedianAfter: percentile(timesIn('new', after), 50),
      keptSteady,
      keptAfter,
      keptRatio: keptAfter / keptSteady,
      worst: largest([...timesIn('new', after), ...timesIn('kept', after)]),
      worstSteady: largest([...timesIn('new', steady), ...timesIn('kept', steady)]),
      generation: median(generationTimes(reports, triggers)),
      ...losses(reports),
    },
    series: { new: course('new'), kept: course('kept') },
  }
}

/** From each trigger to the first answer of a process that had not answered before it. */
function generationTimes({ arriving, kept }: Reports, triggers: readonly number[]): number[] {
  const first = new Map<string, number>()
  for (const { recorded } of [arriving, kept])
    for (const [pid, at] of recorded?.firstAnswers ?? [])
      first.set(pid, Math.min(at, first.get(pid) ?? Number.POSITIVE_INFINITY))
  return triggers.flatMap((trigger, index) => {
    const next = triggers[index + 1] ?? Number.POSITIVE_INFINITY
    const times = [...first.values()].filter((at) => at > trigger && at < next)
    return times.length === 0 ? [] : [Math.min(...times) - trigger]
  })
}

/** The longest wait in each step of the clock around a trigger, as the median over the triggers. */
function courseOf(
  points: readonly { at: number; value: number }[],
  triggers: readonly number[],
): number[] {
  const count = (BEFORE_MS + AFTER_MS) / STEP_MS
  const courses = triggers.map((at) =>
    largestInSteps(points, { from: at - BEFORE_MS, stepMs: STEP_MS, count }),
  )
  return Array.from(
    { length: count },
    (_, step) => Math.round(median(courses.map((course) => course[step] ?? 0)) * 10) / 10,
  )
}
