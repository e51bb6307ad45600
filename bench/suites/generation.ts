// How long a reload takes until the new code answers, beside the bare boot of the same program.

import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { send } from '../../test/support/load/send.ts'
import type { Resources } from '../core/resources.ts'
import { attempt, column, defineSuite, type Sample } from '../core/suite.ts'
import { end } from '../peers/answers.ts'
import { appCommand } from '../peers/app/app.ts'
import { startHandoff } from '../peers/handoff.ts'
import type { Peer, RunningPeer } from '../peers/peer.ts'

/** The client must not take a core from what it measures. */
const POLL_MS = 2
/** Old processes drain and exit in the meantime. */
const REST_MS = 1_000
const DEADLINE_MS = 60_000

const plain = fileURLToPath(new URL('../programs/plain-server.mjs', import.meta.url))

type Subject = Pick<Peer, 'name' | 'program' | 'start'>

/** A program that is no server of the other suites, so that the boot of a small one is measured too. */
const nodeHttp: Subject = {
  name: 'handoff, node:http',
  program: [plain],
  start: (resources) => startHandoff(resources, [plain]),
}

/** Its next process has loaded Node.js and this package before the trigger: the reloads of the others take that long. */
const startedAhead: Subject = {
  name: 'handoff-unchanged, --standby',
  program: appCommand(),
  start: (resources) => startHandoff(resources, appCommand(), { flags: ['--standby'] }),
}

export const generation = defineSuite<'pairs'>({
  name: 'generation',
  title: 'From the trigger to the first answer of the new generation',
  about:
    'Without load: a client asks each 2 ms until a new process answers. The bare boot is from `node PROGRAM` to its first answer, in pairs ' +
    'with a reload. Proxies and tableflip have no program in Node.js to compare with. The aim is a ratio of at most 1.2.',
  comparesPeers: true,
  options: { pairs: { about: 'bare boots and reloads of each peer', quick: 1, full: 20 } },
  columns: [
    column('bare', 'bare boot', 'ms', 0),
    column('reload', 'reload', 'ms', 0),
    column('ratio', 'ratio', '', 2),
  ],
  async *run({ options, peers, progress, resources }) {
    const subjects: readonly Subject[] = [...peers, startedAhead, nodeHttp]
    const servers = new Map<Subject, RunningPeer>()
    progress.begin('generation', options.pairs)
    try {
      for (const subject of subjects) servers.set(subject, await subject.start(resources))
      // The first reload of each warms the disk cache, and the code of its supervisor.
      for (const server of servers.values()) await reload(server)
      for (let run = 1; run <= options.pairs; run++) {
        progress.step(`pair ${run} of ${options.pairs}`)
        for (const [subject, server] of servers) {
          progress.detail(`${subject.name}, pair ${run} of ${options.pairs}`)
          yield* await attempt(subject.name, progress, () => pair(subject, server, run, resources))
        }
      }
    } finally {
      for (const server of servers.values()) await server.stop()
    }
  },
})

async function pair(
  { name, program }: Subject,
  server: RunningPeer,
  run: number,
  resources: Resources,
): Promise<Sample> {
  const bare = program === undefined ? undefined : await bareBoot(program, resources)
  const ms = await reload(server)
  const figures = { reload: ms, ...(bare !== undefined && { bare, ratio: ms / bare }) }
  return { subject: name, run, figures }
}

async function bareBoot(program: readonly string[], resources: Resources): Promise<number> {
  const port = await freePort()
  const began = performance.now()
  const child = resources.spawn(process.execPath, program, {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  const { at } = await firstAnswer(port)
  await end(child, 'SIGKILL')
  return at - began
}

async function reload(server: RunningPeer): Promise<number> {
  const { pid } = await firstAnswer(server.port)
  const began = performance.now()
  await server.trigger()
  const { at } = await firstAnswer(server.port, pid)
  await pause(REST_MS)
  return at - began
}

/** Resolves when a process answers, or another one than `not`. */
async function firstAnswer(port: number, not?: string): Promise<{ pid: string; at: number }> {
  const endsAt = performance.now() + DEADLINE_MS
  while (performance.now() < endsAt) {
    const { kind, pid } = await send({ port }, { path: '/', deadlineMs: DEADLINE_MS })
    if (kind === 'ok' && pid !== undefined && pid !== not) return { pid, at: performance.now() }
    await pause(POLL_MS)
  }
  throw new Error(`no new process answered at port ${port} in ${DEADLINE_MS / 1000} s`)
}
