// What two workers answer, run in three ways, with one process for scale.
//
// All are started anew for each round and asked one after the other, each round in another order: what else the
// machine does falls on all of them.

import { cpuTimeMs } from '../core/machine.ts'
import { type Context, column, defineSuite, type Sample } from '../core/suite.ts'
import { type Asked, type Connections, compileAsk, type Round } from '../load/ask.ts'
import { pm2, pm2Command } from '../peers/pm2.ts'
import { type Running, startHandoff, startNode, startPm2 } from '../peers/two-workers.ts'

const CONNECTIONS = 64
const WARM_UP = { kept: { requests: 20_000, ms: 4_000 }, new: { requests: 6_000, ms: 4_000 } }
const MS = 1_000
const kinds: readonly Connections[] = ['kept', 'new']

export const workers = defineSuite<'rounds'>({
  name: 'workers',
  title: 'Two workers',
  about:
    'A plain node:http server in two processes, 64 connections at a time, over kept and over new connections. Processor time is of ' +
    'all processes of the server, for a request. The client has no core of its own, so that two workers cannot reach twice one process.',
  options: { rounds: { about: 'rounds, each with new processes', quick: 1, full: 5 } },
  columns: [
    column('perSecond', 'requests/s', '', 0),
    column('ratio', 'to one process', '', 2),
    column('p50', 'p50', 'ms'),
    column('p99', 'p99', 'ms'),
    column('cpuMicros', 'processor time', 'µs', 0),
    column('busy', 'client busy', '%', 0),
  ],
  async *run({ options, resources, progress }) {
    const ask = compileAsk(resources)
    const ways: Record<string, () => Promise<Running>> = {
      'one process': () => startNode(resources, 'plain-server.mjs'),
      'handoff run': () => startHandoff(resources),
      'node:cluster': () => startNode(resources, 'cluster.mjs'),
      ...(pm2Command() !== undefined && { pm2: () => startPm2(resources) }),
    }
    if (ways.pm2 === undefined) progress.line(`skipping pm2: not installed (${pm2.missing()})`)
    progress.begin('workers', options.rounds)
    for (let round = 1; round <= options.rounds; round++) {
      progress.step(`round ${round} of ${options.rounds}`)
      yield* await measureAll(ways, round, ask, progress)
    }
  },
})

async function measureAll(
  ways: Readonly<Record<string, () => Promise<Running>>>,
  round: number,
  ask: (round: Round) => Promise<Asked>,
  progress: Context['progress'],
): Promise<Sample[]> {
  const names = Object.keys(ways)
  const servers = new Map<string, Running>()
  const samples: Sample[] = []
  try {
    for (const [way, start] of Object.entries(ways)) servers.set(way, await start())
    for (const kind of kinds) {
      const figures = new Map<string, Asked & { cpuMicros: number }>()
      for (const index of names.keys()) {
        const way = names[(index + round) % names.length] as string
        progress.detail(`round ${round}: ${way}, ${kind} connections`)
        figures.set(way, await measure(servers.get(way) as Running, kind, ask))
      }
      const one = figures.get('one process')?.perSecond ?? Number.NaN
      for (const subject of names) {
        const asked = figures.get(subject)
        if (asked === undefined) continue
        const { perSecond, p50, p99, cpuMicros, busy } = asked
        const figure = { perSecond, ratio: perSecond / one, p50, p99, cpuMicros, busy: busy * 100 }
        samples.push({ case: `${kind} connections`, subject, run: round, figures: figure })
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop()
  }
  return samples
}

async function measure(
  { port, pids }: Running,
  kind: Connections,
  ask: (round: Round) => Promise<Asked>,
): Promise<Asked & { cpuMicros: number }> {
  const all = pids()
  const cpuMs = () => all.reduce((sum, pid) => sum + cpuTimeMs(pid), 0)
  const before = cpuMs()
  const asked = await ask({ port, kind, connections: CONNECTIONS, warmUp: WARM_UP[kind], ms: MS })
  return { ...asked, cpuMicros: ((cpuMs() - before) / asked.requestsInAll) * 1000 }
}
