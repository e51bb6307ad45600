// Apps that import nothing of ours, under `handoff run`, with the load of drops-no-request.

import { expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { everything, Load } from '../support/load/load.ts'
import { startRun } from '../support/run.ts'

const HANDOFFS = 20

test.each(['express', 'koa', 'hono', 'nest', 'fastify'])(
  `an unmodified %s app drops no request in ${HANDOFFS} handoffs`,
  { timeout: 300_000 },
  async (framework) => {
    const env = { PORT: String(await freePort()) }
    const run = await startRun(`unmodified/${framework}.mjs`, { env })
    const load = new Load(run.target, everything)

    for (let i = 0; i < HANDOFFS; i++) await run.reloadWell()

    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    for (const kind of Object.keys(everything)) expect(tally.count(kind), kind).toBeGreaterThan(0)
    expect(tally.pids.size).toBe(HANDOFFS + 1)
    await run.stop()
  },
)
