import { expect, test } from 'vitest'
import { everything, Load } from '../support/load/load.ts'
import { startRun } from '../support/run.ts'

const HANDOFFS = 20

test.each(['fastify-server.mjs', 'http-server.mjs'])(
  `%s drops no request in ${HANDOFFS} handoffs back to back`,
  { timeout: 300_000 },
  async (fixture) => {
    const run = await startRun(fixture)
    const load = new Load(run.target, everything)

    for (let i = 0; i < HANDOFFS; i++) await run.reloadWell()

    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    for (const kind of Object.keys(everything)) expect(tally.count(kind), kind).toBeGreaterThan(0)
    expect(tally.pids.size).toBe(HANDOFFS + 1)
    await run.stop()
  },
)
