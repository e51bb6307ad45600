// Apps that import nothing of ours, under `handoff run`, with the clients of drops-no-request.

import { test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { expectNoLoss } from '../../support/load/no-loss.ts'
import { startRun } from '../../support/run.ts'

/** drops-no-request proves that more of them change nothing; here each framework is a case. */
const HANDOFFS = 5

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
