import { expect, test } from 'vitest'
import { FailureFile } from '../support/failure-file.ts'
import { Load } from '../support/load/load.ts'
import { startRun } from '../support/run.ts'

const load = { newConnection: 12, closedByClient: 4, keepAlive: 2, slow: 2 }

test.each([
  { way: 'exit', code: 'ERR_HANDOFF_EXITED' },
  { way: 'kill', code: 'ERR_HANDOFF_EXITED' },
  { way: 'throw', code: 'ERR_HANDOFF_APP_FAILED' },
])('the old process serves on when the new one fails by $way', async ({ way, code }) => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', { env: failure.env })
  const clients = new Load(run.target, load)
  await clients.more(100)

  for (const point of ['import', 'received', 'adopted']) {
    failure.next(way, point)
    const reload = await run.reload()
    expect(reload.exitCode, reload.text).toBe(1)
    expect(reload.code, reload.text).toBe(code)
  }

  const tally = await clients.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one process answered everything').toBe(1)
  failure.none()
  await run.reloadWell()
  await run.stop()
})
