import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'

const ways = [
  { way: 'exit', code: 'ERR_HANDOFF_EXITED' },
  { way: 'kill', code: 'ERR_HANDOFF_EXITED' },
  { way: 'throw', code: 'ERR_HANDOFF_APP_FAILED' },
]

test('the old process serves on however and whenever the new one dies before it is ready', async () => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', { env: failure.env })
  const load = new Load(run.target, { newConnection: 12, closedByClient: 4, keepAlive: 2, slow: 2 })
  await load.more(100)

  for (const { way, code } of ways) {
    for (const point of ['import', 'received', 'adopted']) {
      failure.next(way, point)
      const reload = await run.reload()
      expect(reload.exitCode, reload.text).toBe(1)
      expect(reload.code, reload.text).toBe(code)
    }
  }

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one process answered everything').toBe(1)
  failure.none()
  await run.reloadWell()
  await run.stop()
})
