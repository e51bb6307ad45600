// What a client notices of a handoff: the time of new connections in the two seconds from its start.

import { setTimeout as pause } from 'node:timers/promises'
import { send } from '../test/support/load/send.ts'
import { Tally } from '../test/support/load/tally.ts'
import { machine, percentile } from './machine.ts'
import { startWithPlugin } from './servers.ts'

const HANDOFFS = Number(process.env.HANDOFFS ?? 10)
const WINDOW_MS = 2_000
const PER_SECOND = 500

console.log(machine())
console.log(
  `${HANDOFFS} handoffs, ${PER_SECOND} new connections a second, windows of ${WINDOW_MS} ms\n`,
)

const server = await startWithPlugin()
const quiet = new Tally()
const around = new Tally()
await requestsFor(new Tally()) // Cold code is not what is measured.
for (let i = 0; i < HANDOFFS; i++) {
  await requestsFor(quiet)
  await Promise.all([requestsFor(around), server.reload()])
  await pause(WINDOW_MS) // The old process leaves, and takes no processor from the next window.
}
await server.stop()

console.log('               p50      p90      p99      max   (ms)')
print('quiet', quiet)
print('handoff', around)
console.log(`\nquiet: ${quiet}\nhandoff: ${around}`)

/** Opens connections at their times whether or not the last ones were answered, for one window. */
async function requestsFor(tally: Tally): Promise<void> {
  const pending: Promise<void>[] = []
  const startedAt = performance.now()
  for (let sent = 0; sent < (PER_SECOND * WINDOW_MS) / 1000; ) {
    const due = ((performance.now() - startedAt) / 1000) * PER_SECOND
    for (; sent < due; sent++) pending.push(request(tally))
    await pause(1)
  }
  await Promise.all(pending)
}

async function request(tally: Tally): Promise<void> {
  tally.add('newConnection', await send({ port: server.port }, { path: '/' }))
}

function print(label: string, { durationsMs }: Tally): void {
  const cells = [50, 90, 99, 100].map((p) => percentile(durationsMs, p).toFixed(1).padStart(9))
  console.log(label.padEnd(9) + cells.join(''))
}
