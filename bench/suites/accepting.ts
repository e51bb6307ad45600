// How long new connections wait beside busy kept ones: plain Node.js accepts one in each turn of its event loop.

import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { alive, startedWith } from '../../test/support/process-facts.ts'
import { cpuTimeMs } from '../core/machine.ts'
import type { Resources } from '../core/resources.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { compileKeptAndNew, type KeptAndNew, type KeptAndNewRound } from '../load/kept-and-new.ts'
import { answers, end } from '../peers/answers.ts'
import { startHandoff } from '../peers/handoff.ts'

const MS = 1_500
const WARM_UP_MS = 500

const programs = (name: string) => fileURLToPath(new URL(`../programs/${name}`, import.meta.url))

interface Server {
  readonly port: number
  stop(): Promise<void>
}

const subjects: Readonly<Record<string, (resources: Resources) => Promise<Server>>> = {
  'plain Node': (resources) => startNode(resources, programs('hello.ts')),
  handoff: (resources) => startHandoff(resources, [programs('hello.ts'), 'plugin']),
  // Its primary has nothing else to do than to accept.
  'node:cluster, one worker': (resources) => startNode(resources, programs('one-worker.mjs')),
}

/** The longest rest of a kept connection between two requests, in milliseconds. */
const cases: Readonly<Record<string, number>> = { 'without rest': 0, 'rest 0 to 10 ms': 10 }

export const accepting = defineSuite<'rounds' | 'kept' | 'rate'>({
  name: 'accepting',
  title: 'New connections beside busy ones, in steady state',
  about:
    'Fastify, with kept connections that ask again immediately or after 0 to 10 ms, and new connections at fixed times. No process is ' +
    'replaced. Each round has new processes. The aim is a p99 of new connections of at most half that of plain Node.js.',
  options: {
    rounds: { about: 'rounds, each with new processes', quick: 2, full: 9 },
    kept: { about: 'busy kept connections', quick: 200, full: 200 },
    rate: { about: 'new connections a second', quick: 200, full: 200 },
  },
  columns: [
    column('newP50', 'new p50', 'ms'),
    column('newP99', 'new p99', 'ms'),
    column('newP99Ratio', 'to plain Node', '', 2),
    column('keptP99', 'kept p99', 'ms'),
    column('keptP99Ratio', 'to plain Node', '', 2),
    column('perSecond', 'requests/s', '', 0),
    column('cpuMicros', 'processor time', 'µs'),
    column('unanswered', 'failed or not begun', '', 0, 'sum'),
    column('busy', 'client busy', '%', 0),
  ],
  async *run({ options: { rounds, kept, rate }, resources, progress }) {
    const ask = compileKeptAndNew(resources)
    const load = { kept, newPerSecond: rate, warmUpMs: WARM_UP_MS, ms: MS }
    progress.begin('accepting', rounds)
    for (let run = 1; run <= rounds; run++) {
      progress.step(`round ${run} of ${rounds}`)
      yield* await measureAll(run, load, ask, resources)
    }
  },
})

async function measureAll(
  run: number,
  load: Omit<KeptAndNewRound, 'port' | 'restMs'>,
  ask: (round: KeptAndNewRound) => Promise<KeptAndNew>,
  resources: Resources,
): Promise<Sample[]> {
  const servers = new Map<string, Server>()
  const samples: Sample[] = []
  const names = Object.keys(subjects)
  try {
    for (const [name, start] of Object.entries(subjects)) servers.set(name, await start(resources))
    const measure = async (subject: string, restMs: number) => {
      const { port } = servers.get(subject) as Server
      // Other processes that have come and gone, such as the compiler of tsx, do not serve.
      const pids = startedWith('PORT', `${port}`)
      const cpuMs = () => pids.filter(alive).reduce((sum, pid) => sum + cpuTimeMs(pid), 0)
      const before = cpuMs()
      const asked = await ask({ ...load, port, restMs })
      return figuresOf(asked, ((cpuMs() - before) / asked.requestsInAll) * 1000)
    }
    // All are warm before one is measured, and the first one is another in each round.
    for (const subject of names) await measure(subject, 0)
    for (const [name, restMs] of Object.entries(cases)) {
      const measured = new Map<string, Record<string, number>>()
      for (const index of names.keys()) {
        const subject = names[(index + run) % names.length] as string
        measured.set(subject, await measure(subject, restMs))
      }
      const plain = measured.get('plain Node')
      for (const subject of names) {
        const figures = { ...measured.get(subject) }
        for (const key of ['newP99', 'keptP99'])
          figures[`${key}Ratio`] = (figures[key] ?? Number.NaN) / (plain?.[key] ?? Number.NaN)
        samples.push({ case: name, subject, run, figures })
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop()
  }
  return samples
}

function figuresOf(asked: KeptAndNew, cpuMicros: number): Record<string, number> {
  return {
    newP50: asked.new.p50,
    newP99: asked.new.p99,
    keptP99: asked.kept.p99,
    perSecond: ((asked.kept.count + asked.new.count) / asked.ms) * 1000,
    cpuMicros,
    unanswered: asked.failed + asked.heldBack,
    busy: asked.busy * 100,
  }
}

async function startNode(resources: Resources, program: string): Promise<Server> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  await answers(port)
  return { port, stop: () => end(child) }
}
