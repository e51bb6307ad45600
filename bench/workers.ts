// What two workers answer, run in three ways, with one process for scale; and what a reload costs.
//
// All of them are started for each round and asked one after the other, a second each, and each
// round begins with another one: what else the machine does falls on all of them. The warm-up is so
// many requests, not so long: a slow one would be measured with colder code.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cpuTimeMs, machine, median } from './machine.ts'
import { type Running, startHandoff, startNode, startPm2 } from './two-workers.ts'
import { measureReloads } from './workers-reload.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const RELOADS = Number(process.env.RELOADS ?? 10)
const CONNECTIONS = 64
const WARM_UP = { kept: 20_000, new: 6_000 }
const WARM_UP_MS = 4_000
const MS = 1_000
/** No round is begun after that: with the reloads a run takes three minutes at most. */
const ROUNDS_MS = 80_000

type Kind = keyof typeof WARM_UP
const kinds = ['kept', 'new'] as const
const { PM2 } = process.env
const ways: Record<string, () => Promise<Running>> = {
  'one process': () => startNode('plain-server.mjs'),
  'handoff run': startHandoff,
  'node:cluster': () => startNode('cluster.mjs'),
  ...(PM2 !== undefined && { pm2: () => startPm2(PM2) }),
}

/** What the client prints, and the processor time of all processes of the server for a request. */
interface Figure {
  way: string
  kind: Kind
  requests: number
  perSecond: number
  p50: number
  p99: number
  /** Share of one core that the client took. */
  busy: number
  cpuMicros: number
}

console.log(machine())
if (PM2 === undefined) console.log('pm2 is left out: PM2 does not name its command')
const directory = mkdtempSync(join(tmpdir(), 'handoff-bench-'))
const client = join(directory, 'ask')
try {
  const source = fileURLToPath(new URL('ask.c', import.meta.url))
  execFileSync(process.env.CC ?? 'cc', ['-O2', source, '-o', client])
  const figures: Figure[] = []
  let rounds = 0
  while (rounds < ROUNDS && performance.now() < ROUNDS_MS)
    figures.push(...(await measureAll(rounds++)))
  console.log(`medians of ${rounds} rounds, ${CONNECTIONS} connections at a time`)
  for (const kind of kinds) print(kind, figures)
} finally {
  rmSync(directory, { recursive: true })
}
await measureReloads(RELOADS)
console.log(`\n${(performance.now() / 1000).toFixed(0)} s in all`)

async function measureAll(round: number): Promise<Figure[]> {
  const names = Object.keys(ways)
  const servers = new Map<string, Running>()
  const figures: Figure[] = []
  try {
    for (const [way, start] of Object.entries(ways)) servers.set(way, await start())
    for (const kind of kinds)
      for (const index of names.keys()) {
        const way = names[(index + round) % names.length] as string
        figures.push({ way, kind, ...(await measure(servers.get(way) as Running, kind)) })
      }
  } finally {
    for (const server of servers.values()) await server.stop()
  }
  return figures
}

async function measure(server: Running, kind: Kind): Promise<Omit<Figure, 'way' | 'kind'>> {
  const pids = server.pids()
  const cpuMs = () => pids.reduce((sum, pid) => sum + cpuTimeMs(pid), 0)
  const before = cpuMs()
  const args = [server.port, kind, CONNECTIONS, WARM_UP[kind], WARM_UP_MS, MS].map(String)
  const figure = JSON.parse((await promisify(execFile)(client, args)).stdout)
  return { ...figure, cpuMicros: ((cpuMs() - before) / figure.requestsInAll) * 1000 }
}

function print(kind: Kind, all: readonly Figure[]): void {
  const figures = all.filter((figure) => figure.kind === kind)
  const requests = figures.reduce((sum, figure) => sum + figure.requests, 0)
  console.log(`\n${kind} connections, ${requests} requests measured`)
  console.log(`${' '.repeat(14)}requests/s (from - to)   ratio   p50 ms   p99 ms   CPU µs   client`)
  const of = (way: string, what: Exclude<keyof Figure, 'way' | 'kind'>) =>
    figures.filter((figure) => figure.way === way).map((figure) => figure[what])
  for (const way of Object.keys(ways)) {
    const rates = of(way, 'perSecond')
    const ratio = median(rates) / median(of('one process', 'perSecond'))
    const range = `${Math.min(...rates).toFixed(0)} - ${Math.max(...rates).toFixed(0)}`
    const cells = [
      `${median(rates).toFixed(0)} (${range})`.padStart(22),
      ratio.toFixed(2).padStart(8),
      ...(['p50', 'p99'] as const).map((p) => median(of(way, p)).toFixed(1).padStart(9)),
      median(of(way, 'cpuMicros')).toFixed(0).padStart(9),
      `${(median(of(way, 'busy')) * 100).toFixed(0)} %`.padStart(9),
    ]
    console.log(way.padEnd(14) + cells.join(''))
  }
}
