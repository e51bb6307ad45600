// What reloads of two workers cost clients that never retry.

import { Load } from '../../test/support/load/load.ts'
import { largest, median, percentile } from '../core/statistics.ts'
import { column, defineSuite } from '../core/suite.ts'
import { startHandoff } from '../peers/two-workers.ts'

const ways = { 'one after the other': [], 'in parallel': ['--parallel'] }

export const workersReload = defineSuite<'reloads'>({
  name: 'workers-reload',
  isExtra: true,
  title: 'Reloads of two workers, back to back',
  about:
    'A plain node:http server under `handoff run --workers 2`. 8 clients open a connection for each request, 8 keep theirs, and none retries.',
  options: { reloads: { about: 'reloads back to back', quick: 3, full: 10 } },
  columns: [
    column('requests', 'requests', '', 0),
    column('failed', 'failed', '', 0, 'sum'),
    column('processes', 'processes', '', 0),
    column('p99', 'p99', 'ms', 0),
    column('longest', 'longest', 'ms', 0, 'max'),
    column('reload', 'a reload', 'ms', 0),
  ],
  async *run({ options, resources, progress }) {
    progress.begin('workers-reload', Object.keys(ways).length)
    for (const [name, flags] of Object.entries(ways)) {
      progress.step(name)
      const server = await startHandoff(resources)
      try {
        const clients = { newConnection: 8, keepAlive: 8 }
        const load = new Load({ port: server.port }, clients, { restMs: 0 })
        const { tally } = load
        await load.more(500)
        const before = tally.durationsMs.length
        const times: number[] = []
        for (let reload = 0; reload < options.reloads; reload++) {
          const from = performance.now()
          await server.reload(...flags)
          times.push(performance.now() - from)
        }
        const waits = tally.durationsMs.slice(before)
        await load.more(500)
        await load.stop()
        if (tally.failed > 0) progress.line(`${tally}`)
        yield {
          case: name,
          subject: 'handoff run',
          run: 1,
          figures: {
            requests: tally.requests,
            failed: tally.failed,
            processes: tally.pids.size,
            p99: percentile(waits, 99),
            longest: largest(waits),
            reload: median(times),
          },
        }
      } finally {
        await server.stop()
      }
    }
  },
  check: (samples) =>
    samples
      .filter(({ figures }) => (figures.failed ?? 0) > 0)
      .map(({ case: name, figures }) => `${figures.failed} requests failed, ${name}`),
})
