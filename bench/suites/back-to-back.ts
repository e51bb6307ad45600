// Reloads back to back under load: new connections without an answer, and connections that were closed.

import { largest, percentile } from '../core/statistics.ts'
import { attempt, type Context, column, defineSuite, type Sample } from '../core/suite.ts'
import { losses } from '../load/losses.ts'
import { answeredOf, MeasuredLoad, usualClients } from '../load/measured-load.ts'
import type { Peer } from '../peers/peer.ts'

const WARM_UP_MS = 2_000

export const backToBack = defineSuite<'reloads' | 'runs'>({
  name: 'back-to-back',
  title: 'Reloads back to back',
  about:
    'The load of `disturbance`, and reloads that each begin when the one before has returned. A new connection without an answer in ' +
    '5 s is unanswered.',
  comparesPeers: true,
  options: {
    runs: { about: 'runs of each peer', quick: 1, full: 1 },
    reloads: { about: 'reloads in a run', quick: 2, full: 60 },
  },
  columns: [
    column('newConnections', 'new connections', '', 0),
    column('unanswered', 'unanswered', '', 0, 'sum'),
    column('lost', 'lost', '', 0, 'sum'),
    column('closed', 'kept closed', '', 0, 'sum'),
    column('webSocketsClosed', 'WebSockets closed', '', 0, 'sum'),
    column('newP99', 'new p99', 'ms', 0),
    column('worst', 'worst', 'ms', 0, 'max'),
    column('reload', 'a reload', 'ms', 0),
  ],
  async *run({ options, peers, progress, resources }) {
    progress.begin('back-to-back', options.runs * peers.length)
    for (let run = 1; run <= options.runs; run++)
      for (const peer of peers) {
        progress.step(`${peer.name}, run ${run} of ${options.runs}`)
        yield* await attempt(peer.name, progress, () =>
          measure(peer, run, options.reloads, { progress, resources }),
        )
      }
  },
  check: (samples) =>
    samples
      .filter(({ subject, figures }) => subject === 'handoff' && loss(figures) > 0)
      .map(
        ({ figures }) => `handoff: ${loss(figures)} requests, messages or connections were lost`,
      ),
})

async function measure(
  peer: Peer,
  run: number,
  reloads: number,
  { progress, resources }: Pick<Context, 'progress' | 'resources'>,
): Promise<Sample> {
  const server = await peer.start(resources)
  let load: MeasuredLoad | undefined
  try {
    load = await MeasuredLoad.start(server.port, usualClients, run)
    await load.run(WARM_UP_MS)
    const from = performance.now()
    for (let reload = 1; reload <= reloads; reload++) {
      progress.detail(`${peer.name}: reload ${reload} of ${reloads}`)
      await server.reload()
    }
    const reload = (performance.now() - from) / reloads
    const reports = await load.stop()
    const times = answeredOf(reports.arriving.recorded, 'arriving').map(({ ms }) => ms)
    const figures = { newP99: percentile(times, 99), worst: largest(times), reload }
    return { subject: peer.name, run, figures: { ...losses(reports), ...figures } }
  } finally {
    await load?.dispose()
    await server.stop()
  }
}

function loss({
  lost = 0,
  closed = 0,
  webSocketsClosed = 0,
}: Readonly<Record<string, number>>): number {
  return lost + closed + webSocketsClosed
}
