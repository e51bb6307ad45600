import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Load, type Mix, withoutPause } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'

const ca = readFileSync(new URL('../../fixtures/tls/certificate.pem', import.meta.url))
const HANDOFFS = 5

test.each<{ protocol: string; mix: Mix }>([
  { protocol: 'https', mix: { newConnection: 4, closedByClient: 2, keepAlive: 2 } },
  { protocol: 'http2', mix: { http2New: 4, http2Kept: 2 } },
])(`an $protocol server drops no request in ${HANDOFFS} handoffs`, async ({ protocol, mix }) => {
  const run = await startRun('fastify-tls.ts', { args: [protocol] })
  const load = new Load({ ...run.target, ca }, mix, withoutPause)

  for (let i = 0; i < HANDOFFS; i++) await run.reloadWell()

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, `${tally}`).toBe(HANDOFFS + 1)
  await run.stop()
})
