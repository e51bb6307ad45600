// What reloads of two workers cost clients that never retry.

import { Load } from '../test/support/load/load.ts'
import { median, percentile } from './machine.ts'
import { startHandoff } from './two-workers.ts'

const ways = { 'one after the other': [], 'all at once': ['--parallel'] }

/** Reloads so often in each way, back to back, under load, and prints what became of the requests. */
export async function measureReloads(count: number): Promise<void> {
  console.log(`\n${count} reloads of handoff run --workers 2, back to back; 8 clients that connect`)
  console.log('anew for each request, 8 that keep their connection, and none that tries again')
  for (const [name, flags] of Object.entries(ways)) {
    const server = await startHandoff()
    try {
      const load = new Load(
        { port: server.port },
        { newConnection: 8, keepAlive: 8 },
        { restMs: 0 },
      )
      const { tally } = load
      await load.more(500)
      const before = tally.durationsMs.length
      const times: number[] = []
      for (let reload = 0; reload < count; reload++) {
        const from = performance.now()
        await server.reload(flags)
        times.push(performance.now() - from)
      }
      const waits = tally.durationsMs.slice(before)
      await load.more(500)
      await load.stop()
      console.log(
        `${name.padEnd(20)} ${tally.failed} of ${tally.requests} requests failed; ` +
          `${tally.pids.size} processes answered; p99 ${percentile(waits, 99).toFixed(0)} ms, ` +
          `longest ${percentile(waits, 100).toFixed(0)} ms; a reload took ${median(times).toFixed(0)} ms`,
      )
      if (tally.failed === 0) continue
      console.log(`${tally}`)
      process.exitCode = 1
    } finally {
      await server.stop()
    }
  }
}
