// What the plugin costs while nothing is handed over: requests a second and processor time, with it over without.
//
// Two processes of the very same program differ by up to a tenth as long as they live: by where the kernel put
// their memory and by what the compiler made of their code. So each round has a new pair of processes, measured in
// turn, and what counts is the median of the rounds' ratios.

import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { cpuTimeMs } from '../core/machine.ts'
import type { Resources } from '../core/resources.ts'
import { median, medianInterval } from '../core/statistics.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { type Asked, type Connections, compileAsk, type Round } from '../load/ask.ts'
import { answers, end } from '../peers/answers.ts'
import { startHandoff } from '../peers/handoff.ts'

const CONNECTIONS = 32
const WARM_UP_MS = 1_200
/** New connections are opened at the begin of each part. */
const BEGIN_MS = 100
const PART_MS = 500
const program = fileURLToPath(new URL('../programs/hello.ts', import.meta.url))

interface Server {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

export const steady = defineSuite<'rounds'>({
  name: 'steady',
  title: 'The cost of the plugin in steady state',
  about:
    'Fastify alone under `node`, and with fastify-socket-handoff under `handoff run`, 32 connections at a time. The aims are 0.99 or ' +
    'more of the requests a second and 1.01 or less of the processor time for a request.',
  options: { rounds: { about: 'new pairs of processes, for each kind', quick: 1, full: 15 } },
  columns: [
    column('perSecond', 'requests/s', '', 0),
    column('cpuMicros', 'processor time', 'µs'),
    column('perSecondRatio', 'requests/s, ratio', '', 3),
    column('cpuRatio', 'processor time, ratio', '', 3),
  ],
  async *run({ options, resources, progress }) {
    const ask = compileAsk(resources)
    progress.begin('steady', 2 * options.rounds)
    for (const kind of ['kept', 'new'] as const)
      for (let run = 1; run <= options.rounds; run++) {
        progress.step(`${kind} connections, pair ${run} of ${options.rounds}`)
        yield* await measurePair(kind, run, resources, ask)
      }
  },
  notes: (samples) =>
    [...new Set(samples.map((sample) => sample.case ?? ''))].flatMap((name) => [
      noteOf(name, 'requests/s, ratio', 'perSecondRatio', samples),
      noteOf(name, 'processor time, ratio', 'cpuRatio', samples),
    ]),
})

/** The ranges in the table are those of single pairs. */
function noteOf(name: string, label: string, key: string, samples: readonly Sample[]): string {
  const values = samples.flatMap(({ case: of, figures: { [key]: value } }) =>
    of === name && value !== undefined ? [value] : [],
  )
  const [low, high] = medianInterval(values).map((value) => value.toFixed(3))
  const middle = median(values).toFixed(3)
  return `${name}, ${label}: ${middle}, 95 % interval ${low} to ${high} (${values.length} pairs)`
}

async function measurePair(
  kind: Connections,
  run: number,
  resources: Resources,
  ask: (round: Round) => Promise<Asked>,
): Promise<Sample[]> {
  const servers: Server[] = []
  try {
    servers.push(await startBare(resources), await startWithPlugin(resources))
    const measure = async ({ pid, port }: Server, warmUpMs: number, ms: number) => {
      const before = cpuTimeMs(pid)
      const warmUp = { requests: Number.MAX_SAFE_INTEGER, ms: warmUpMs }
      const asked = await ask({ port, kind, connections: CONNECTIONS, warmUp, ms })
      const cpuMicros = ((cpuTimeMs(pid) - before) / asked.requestsInAll) * 1000
      return { perSecond: asked.perSecond, cpuMicros }
    }
    // Both are warm before either is measured.
    for (const server of servers) await measure(server, WARM_UP_MS, BEGIN_MS)
    // One, the other, the other, one: what changes evenly on this machine falls on both.
    const order = run % 2 === 0 ? [1, 0, 0, 1] : [0, 1, 1, 0]
    const parts: Figures[][] = [[], []]
    for (const index of order)
      parts[index]?.push(await measure(servers[index] as Server, BEGIN_MS, PART_MS))
    const figures = parts.map((both) => ({
      perSecond: mean(both.map(({ perSecond }) => perSecond)),
      cpuMicros: mean(both.map(({ cpuMicros }) => cpuMicros)),
    }))
    const [without, having] = figures as [Figures, Figures]
    const ratios = {
      perSecondRatio: having.perSecond / without.perSecond,
      cpuRatio: having.cpuMicros / without.cpuMicros,
    }
    const name = `${kind} connections`
    return [
      { case: name, subject: 'without', run, figures: without },
      { case: name, subject: 'with the plugin', run, figures: { ...having, ...ratios } },
    ]
  } finally {
    for (const server of servers) await server.stop()
  }
}

type Figures = {
  readonly perSecond: number
  readonly cpuMicros: number
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

async function startBare(resources: Resources): Promise<Server> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  return { port, pid: Number(await answers(port)), stop: () => end(child) }
}

async function startWithPlugin(resources: Resources): Promise<Server> {
  const { port, stop } = await startHandoff(resources, [program, 'plugin'])
  return { port, pid: Number(await answers(port)), stop }
}
