import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { WebSocketLoad } from '../../support/load/websocket-load.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 5

const preload = fileURLToPath(
  new URL('../../fixtures/localhost-has-two-addresses.cjs', import.meta.url),
)

test.each([
  { fixture: 'websocket-server.mjs', hosts: ['127.0.0.1'], env: {} },
  // Fastify serves the second address by a server of its own, which passes its upgrades on.
  {
    fixture: 'fastify-websocket.mjs',
    hosts: ['127.0.0.1', '[::1]'],
    env: { NODE_OPTIONS: `--require ${preload}` },
  },
])(
  `$fixture keeps 16 WebSockets over ${HANDOFFS} handoffs: every number once, in order, and counted`,
  async ({ fixture, hosts, env }) => {
    const run = await startRun(fixture, { env })
    const load = await WebSocketLoad.start({ port: run.target.port as number, count: 16, hosts })
    for (let handoff = 0; handoff < HANDOFFS; handoff++) {
      await load.more(5)
      await run.reloadWell()
    }
    await load.more(5)
    expect(await load.stop(), `${run.output}`).toEqual([])
    expect(load.same).toBe(16)
    await load.close()
    expect(load.pids.size).toBe(HANDOFFS + 1)
    await run.stop()
  },
)
