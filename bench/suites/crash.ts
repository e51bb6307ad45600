// What clients notice when the serving process is killed: none may be refused, and they wait for the next process.

import { fileURLToPath } from 'node:url'
import { Load } from '../../test/support/load/load.ts'
import { alive, gone } from '../../test/support/process-facts.ts'
import { until } from '../../test/support/until.ts'
import { largest } from '../core/statistics.ts'
import { attempt, column, defineSuite, type Sample } from '../core/suite.ts'
import { answers } from '../peers/answers.ts'
import { appCommand } from '../peers/app/app.ts'
import { startHandoff } from '../peers/handoff.ts'
import type { Peer } from '../peers/peer.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../programs/${name}`, import.meta.url))

/** A request without an answer for so long has failed: with some peers it would wait for ever. */
const DEADLINE_MS = 10_000

type Names = 'crashes' | 'clients' | 'workers'

export const crash = defineSuite<Names>({
  name: 'crash',
  title: 'A server that is killed',
  about:
    'SIGKILL of the serving process under clients that open a connection for each request and never retry, each in a run of its own. ' +
    '`cut` are requests that the dead process had accepted.',
  comparesPeers: true,
  options: {
    crashes: { about: 'times that each server is killed', quick: 1, full: 10 },
    clients: { about: 'clients, with one request each under way', quick: 16, full: 16 },
    workers: { about: 'workers of `handoff run`, all killed at the same time', quick: 1, full: 1 },
  },
  columns: [
    column('refused', 'refused', '', 0, 'sum'),
    column('cut', 'cut', '', 0, 'sum'),
    column('otherwise', 'failed otherwise', '', 0, 'sum'),
    column('longest', 'longest wait', 'ms', 0),
    column('quiet', 'before the crash', 'ms', 0),
    column('back', 'answers again', 'ms', 0),
  ],
  async *run({ options, peers, resources, progress }) {
    const flags = ['--workers', `${options.workers}`]
    const own: Pick<Peer, 'name' | 'start'>[] = [
      {
        name: 'handoff, node:http',
        start: (all) => startHandoff(all, [fixture('plain-server.mjs')], { flags }),
      },
      {
        name: 'handoff, Fastify',
        start: (all) => startHandoff(all, appCommand('plugin'), { flags }),
      },
    ]
    const subjects = [...own, ...peers.filter(({ startsAgain }) => startsAgain)]
    progress.begin('crash', options.crashes * subjects.length)
    for (let run = 1; run <= options.crashes; run++)
      for (const { name, start } of subjects) {
        progress.step(`${name}, ${run} of ${options.crashes}`)
        // Peers run one process.
        const processes = own.some((one) => one.name === name) ? options.workers : 1
        yield* await attempt(name, progress, async () => {
          const server = await start(resources)
          try {
            return await measure(name, run, server.port, options.clients, processes)
          } finally {
            await server.stop()
          }
        })
      }
  },
  check: (samples) =>
    samples
      .filter(({ subject }) => subject.startsWith('handoff'))
      .filter(({ figures }) => (figures.refused ?? 0) + (figures.otherwise ?? 0) > 0)
      .map(
        ({ subject, figures }) =>
          `${subject}: ${figures.refused} requests were refused, ${figures.otherwise} failed otherwise`,
      ),
})

async function measure(
  subject: string,
  run: number,
  port: number,
  clients: number,
  processes: number,
): Promise<Sample> {
  const pids = await processesAt(port, processes)
  const load = new Load(
    { port, deadlineMs: DEADLINE_MS },
    { newConnection: clients },
    { restMs: 0 },
  )
  const { tally } = load
  await load.more(500)
  const before = tally.durationsMs.length
  const killedAt = performance.now()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  for (const pid of pids) await gone(pid)
  const isNew = (pid: string) => !pids.includes(Number(pid)) && alive(Number(pid))
  await until('the next generation answers', async () => isNew(await answers(port)), 60_000)
  const back = performance.now() - killedAt
  await load.more(500)
  await load.stop()
  const [refused, cut] = [tally.total('refused'), tally.total('reset') + tally.total('truncated')]
  return {
    subject,
    run,
    figures: {
      refused,
      cut,
      otherwise: tally.failed - refused - cut,
      quiet: largest(tally.durationsMs.slice(0, before)),
      longest: largest(tally.durationsMs.slice(before)),
      back,
    },
  }
}

/** The pids of so many processes that answer. */
async function processesAt(port: number, count: number): Promise<number[]> {
  const pids = new Set<number>()
  await until(`${count} processes answer`, async () => {
    pids.add(Number(await answers(port)))
    return pids.size >= count
  })
  return [...pids]
}
