// What clients see when a server is killed under load: nobody may be refused, and how long is the
// longest wait until the next generation answers?

import { fileURLToPath } from 'node:url'
import { Load } from '../test/support/load/load.ts'
import { machine, median, percentile } from './machine.ts'
import { type ReplaceableServer, startUnderHandoff } from './servers.ts'

const CRASHES = Number(process.env.CRASHES ?? 20)
/** So many have one request each under way; the dead process may have accepted them all. */
const CLIENTS = Number(process.env.CLIENTS ?? 16)

/** All of them are killed at once. */
const WORKERS = Number(process.env.WORKERS ?? 1)

const servers = {
  'node:http': 'http-server.mjs',
  Fastify: 'fastify-server.mjs',
}

interface Crash {
  refused: number
  /** They ended with the process that had accepted them. */
  cut: number
  otherwise: number
  /** The longest wait of a request that was answered, before the crash and over it. */
  quietMs: number
  longestMs: number
  /** From the kill to the first word of the next generation. */
  backAfterMs: number
}

console.log(machine())
const victims = WORKERS === 1 ? '' : ` of ${WORKERS} workers at once`
console.log(
  `${CRASHES} times SIGKILL${victims}, each in a run of its own, ${CLIENTS} clients at a time`,
)
for (const [name, fixture] of Object.entries(servers)) {
  const crashes: Crash[] = []
  for (let count = 0; count < CRASHES; count++) crashes.push(await crash(fixture))
  console.log(`\n${name}\n${table(crashes)}`)
  const isWrong = ({ refused, cut, otherwise }: Crash) => refused + otherwise > 0 || cut > CLIENTS
  if (crashes.some(isWrong)) process.exitCode = 1
}

/** A run of its own for each: a server that crashes again within a minute waits for longer. */
async function crash(fixture: string): Promise<Crash> {
  const entry = fileURLToPath(new URL(`../test/fixtures/${fixture}`, import.meta.url))
  const server = await startUnderHandoff(entry, [], {}, ['--workers', `${WORKERS}`])
  const pids = await listening(server, 0)
  const load = new Load({ port: server.port }, { newConnection: CLIENTS }, { restMs: 0 })
  const { tally } = load
  await load.more(500)
  const before = tally.durationsMs.length
  const from = server.output.lines.length
  const killedAt = performance.now()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await listening(server, from)
  const backAfterMs = performance.now() - killedAt
  await load.more(500)
  await load.stop()
  await server.stop()
  const [refused, cut] = [tally.total('refused'), tally.total('reset') + tally.total('truncated')]
  return {
    refused,
    cut,
    otherwise: tally.failed - refused - cut,
    quietMs: Math.max(...tally.durationsMs.slice(0, before)),
    longestMs: Math.max(...tally.durationsMs.slice(before)),
    backAfterMs,
  }
}

/** The pids of all workers, once they listen. */
async function listening({ output }: ReplaceableServer, from: number): Promise<number[]> {
  const pids: number[] = []
  for (let at = from; pids.length < WORKERS; ) {
    const { 1: pid, input } = await output.waitFor(/^listening (\d+)/, { from: at })
    pids.push(Number(pid))
    at = output.lines.indexOf(input, at) + 1
  }
  return pids
}

function table(crashes: readonly Crash[]): string {
  const sum = (of: (crash: Crash) => number) => crashes.reduce((all, one) => all + of(one), 0)
  const ms = (of: (crash: Crash) => number) => {
    const values = crashes.map(of)
    return `median ${median(values).toFixed(0)} ms, longest ${percentile(values, 100).toFixed(0)} ms`
  }
  const rows: [string, string][] = [
    ['refused', `${sum(({ refused }) => refused)}`],
    ['cut', `${sum(({ cut }) => cut)}, accepted by the process that died`],
    ['failed otherwise', `${sum(({ otherwise }) => otherwise)}`],
    ['longest wait', ms(({ longestMs }) => longestMs)],
    ['before the crash', ms(({ quietMs }) => quietMs)],
    ['listens again', ms(({ backAfterMs }) => backAfterMs)],
  ]
  return rows.map(([label, text]) => `  ${label.padEnd(18)} ${text}`).join('\n')
}
