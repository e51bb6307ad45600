// Everything that clients do, across many handoffs back to back, or across new processes that are
// killed after their commit: what failed, what was closed, and how long the kept connections waited.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killAfterCommit } from '../test/support/kill-after-commit.ts'
import { seeded } from '../test/support/load/random.ts'
import { WholeLoadClient } from '../test/support/load/whole-load-client.ts'
import { machine } from './machine.ts'
import { isLossless, reportTable } from './report-table.ts'
import { type ReplaceableServer, startUnderHandoff } from './servers.ts'

const HANDOFFS = Number(process.env.HANDOFFS ?? 50)
const KILLS = Number(process.env.KILLS ?? 0)
const SEED = Number(process.env.SEED ?? 1)
const pace = process.env.WEBSOCKETS === 'nonstop' ? 'without pause' : { everyMs: 50 }
const failureFile = join(tmpdir(), `handoff-bench-failure-${process.pid}`)

const servers = {
  'node:http and ws': 'websocket-server.mjs',
  'Fastify and @fastify/websocket': 'fastify-whole-server.mjs',
}

console.log(machine())
const what = KILLS > 0 ? `${KILLS} new processes killed` : `${HANDOFFS} handoffs back to back`
console.log(`${what}, seed ${SEED}, a message ${pace === 'without pause' ? pace : 'each 50 ms'}`)
for (const [name, fixture] of Object.entries(servers)) {
  if (!name.includes(process.env.SERVER ?? '')) continue
  console.log(`\n${name}`)
  if (!(await run(fixture))) process.exitCode = 1
}

async function run(fixture: string): Promise<boolean> {
  const entry = fileURLToPath(new URL(`../test/fixtures/${fixture}`, import.meta.url))
  const server = await startUnderHandoff(entry, [], { FAILURE_FILE: failureFile })
  const load = await WholeLoadClient.start({ port: server.port }, { seed: SEED, pace })
  try {
    await load.more(1)
    const startedAt = performance.now()
    if (KILLS > 0) await kills(server, load)
    else for (let handoff = 0; handoff < HANDOFFS; handoff++) await server.reload()
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    await load.more(1)
    const report = await load.stop()
    console.log(reportTable(report))
    console.log(`  in ${seconds} s; ${report.pids.length} processes answered`)
    const lossless = isLossless(report)
    if (!lossless) console.log(report.text)
    return lossless
  } finally {
    await load.dispose()
    await server.stop()
  }
}

async function kills(server: ReplaceableServer, load: WholeLoadClient): Promise<void> {
  const random = seeded(SEED)
  let before = { requests: 0, kept: 0, resting: 0, webSockets: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    const stopAfterMs = Math.floor(random() * 150)
    const holdMs = Math.floor(random() * 50)
    // The reload itself may be told of the death; what counts is what clients see.
    const reload = () => server.reload().catch(() => {})
    const { output } = server
    const now = await killAfterCommit({ output, reload }, load, {
      failureFile,
      stopAfterMs,
      holdMs,
    })
    console.log(
      `  stopped ${stopAfterMs} ms after its commit, killed ${holdMs} ms later; with it ended ` +
        `${now.requests - before.requests} requests, ${now.kept - before.kept} kept and ` +
        `${now.resting - before.resting} resting connections, ` +
        `${now.webSockets - before.webSockets} WebSockets`,
    )
    before = now
    await load.more(1)
  }
}
