import { test } from 'vitest'
import { withoutPause } from '../../support/load/load.ts'
import { expectNoLoss } from '../../support/load/no-loss.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 20

test.each(['fastify-server.mjs', 'http-server.mjs'])(
  `%s drops no request in ${HANDOFFS} handoffs back to back`,
  { timeout: 300_000 },
  async (fixture) => {
    const run = await startRun(fixture)
    await expectNoLoss(run, HANDOFFS, withoutPause)
    await run.stop()
  },
)
