import { expect, test } from 'vitest'
import { UdpLoad } from '../../support/load/udp-load.ts'
import { startRun } from '../../support/run.ts'

test('a UDP server answers every datagram across handoffs', async () => {
  const run = await startRun('udp-echo.mjs')
  const load = new UdpLoad(run.target.port ?? 0, 8, 0)

  for (let i = 0; i < 5; i++) await run.reloadWell()

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, `${tally}`).toBe(6)
  await run.stop()
})
