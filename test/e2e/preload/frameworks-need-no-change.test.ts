// Apps that import nothing of ours, under `handoff run`, with the load of drops-no-request.

import { test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { expectNoLoss } from '../../support/load/no-loss.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 20

test.each(['express', 'koa', 'hono', 'nest', 'fastify'])(
  `an unmodified %s app drops no request in ${HANDOFFS} handoffs`,
  { timeout: 300_000 },
  async (framework) => {
    const env = { PORT: String(await freePort()) }
    const run = await startRun(`unmodified/${framework}.mjs`, { env })
    await expectNoLoss(run, HANDOFFS)
    await run.stop()
  },
)
