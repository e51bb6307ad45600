// All that clients do, across many handoffs back to back, or across new processes that are killed after their commit.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killAfterCommit } from '../../test/support/kill-after-commit.ts'
import { seeded } from '../../test/support/load/random.ts'
import type { Report } from '../../test/support/load/whole-load.ts'
import { WholeLoadClient } from '../../test/support/load/whole-load-client.ts'
import { Output } from '../../test/support/output.ts'
import type { Progress } from '../core/progress.ts'
import type { Resources } from '../core/resources.ts'
import { largest, percentile } from '../core/statistics.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { startHandoff } from '../peers/handoff.ts'

type Names = 'handoffs' | 'kills' | 'seed' | 'nonstop'

const servers = {
  'node:http and ws': 'websocket-server.mjs',
  'Fastify and @fastify/websocket': 'fastify-whole-server.mjs',
}

export const nothingIsLost = defineSuite<Names>({
  name: 'nothing-is-lost',
  isExtra: true,
  title: 'The whole load across handoffs back to back',
  about:
    'The load of docs/testing.md. `same` connections are the very ones that were opened at the start. With --kills the new process of ' +
    'each handoff is killed 0 to 150 ms after its commit, and `cut` counts what it may have been executing.',
  options: {
    handoffs: { about: 'handoffs back to back', quick: 5, full: 50 },
    kills: { about: 'new processes killed, in the place of the handoffs', quick: 0, full: 0 },
    seed: { about: 'of the random times', quick: 1, full: 1 },
    nonstop: { about: '1: the WebSockets send without pause', quick: 0, full: 0 },
  },
  columns: [
    column('requests', 'requests', '', 0),
    column('failed', 'failed', '', 0, 'sum'),
    column('cut', 'cut', '', 0, 'sum'),
    column('same', 'same connections', '', 0),
    column('opened', 'of', '', 0),
    column('sent', 'messages', '', 0),
    column('wrong', 'lost or wrong', '', 0, 'sum'),
    column('heldBack', 'not begun', '', 0, 'sum'),
    column('p50', 'kept p50', 'ms'),
    column('p99', 'p99', 'ms'),
    column('longest', 'longest', 'ms', 0, 'max'),
    column('processes', 'processes', '', 0),
    column('seconds', 'took', 's'),
  ],
  async *run({ options, resources, progress }) {
    progress.begin('nothing-is-lost', Object.keys(servers).length)
    for (const [subject, fixture] of Object.entries(servers)) {
      progress.step(subject)
      const report = await measure(fixture, options, resources, progress)
      if (!isLossless(report)) progress.line(report.text)
      yield { subject, run: 1, figures: figuresOf(report) }
    }
  },
  check: (samples) => samples.flatMap(problemOf),
})

async function measure(
  fixture: string,
  { handoffs, kills, seed, nonstop }: Readonly<Record<Names, number>>,
  resources: Resources,
  progress: Progress,
): Promise<Report & { seconds: number }> {
  const entry = fileURLToPath(new URL(`../../test/fixtures/${fixture}`, import.meta.url))
  const failureFile = join(resources.directory(), 'failure')
  const [output, env] = [new Output(), { FAILURE_FILE: failureFile }]
  const server = await startHandoff(resources, [entry], { env, output })
  const pace = nonstop > 0 ? ('without pause' as const) : { everyMs: 50 }
  const load = await WholeLoadClient.start({ port: server.port }, { seed, pace })
  try {
    await load.more(1)
    const startedAt = performance.now()
    const random = seeded(seed)
    for (let kill = 1; kill <= kills; kill++) {
      progress.detail(`${kill} of ${kills} new processes killed`)
      const times = { stopAfterMs: Math.floor(random() * 150), holdMs: Math.floor(random() * 50) }
      // The reload may report the death. What counts is what clients see.
      const reload = () => server.reload().catch(() => {})
      await killAfterCommit({ output, reload }, load, { failureFile, ...times })
      await load.more(1)
    }
    for (let handoff = 1; kills === 0 && handoff <= handoffs; handoff++) {
      progress.detail(`handoff ${handoff} of ${handoffs}`)
      await server.reload()
    }
    const seconds = (performance.now() - startedAt) / 1000
    await load.more(1)
    return { ...(await load.stop()), seconds }
  } finally {
    await load.dispose()
    await server.stop()
  }
}

function figuresOf(report: Report & { seconds: number }): Sample['figures'] {
  const { kept, resting, webSockets, echoes, durationsMs } = report
  const connections = [kept, resting, webSockets]
  const sum = (of: (one: (typeof connections)[0]) => number) =>
    connections.reduce((all, one) => all + of(one), 0)
  return {
    requests: report.requests,
    failed: report.failed,
    cut: report.cut + sum(({ cut }) => cut),
    opened: sum(({ opened }) => opened),
    same: sum(({ same }) => same),
    closed: sum(({ closed }) => closed),
    sent: echoes.sent,
    wrong: echoes.lost + echoes.reordered + echoes.doubled + echoes.miscounted,
    heldBack: report.heldBack,
    p50: percentile(durationsMs, 50),
    p99: percentile(durationsMs, 99),
    longest: largest(durationsMs),
    processes: report.pids.length,
    seconds: report.seconds,
  }
}

function problemOf({ subject, figures }: Sample): string[] {
  const { failed = 0, closed = 0, wrong = 0 } = figures
  if (failed + closed + wrong === 0) return []
  return [
    `${subject}: ${failed} requests failed, ${closed} connections closed, ${wrong} messages lost or wrong`,
  ]
}

/** Whether a client lost nothing that it need not have lost. */
function isLossless(report: Report & { seconds: number }): boolean {
  return problemOf({ subject: '', run: 1, figures: figuresOf(report) }).length === 0
}
