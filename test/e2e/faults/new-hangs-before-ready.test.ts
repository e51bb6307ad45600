import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

test.each([
  { way: 'hang', what: 'boots for ever' },
  { way: 'stop', what: 'is stopped (SIGSTOP)' },
])('the old process serves on when the new one $what', async ({ way }) => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', {
    flags: ['--ready-timeout', '1s'],
    env: failure.env,
  })
  const serving = run.processes()
  const load = new Load(run.target)
  await load.more(100)

  for (const point of ['import', 'adopted']) {
    failure.next(way, point)
    const reload = await run.reload()
    expect(reload.exitCode, reload.text).toBe(1)
    expect(reload.code, reload.text).toBe('ERR_HANDOFF_TIMEOUT')
    // Nothing of the new process is left to wake up later.
    await until('the new process is gone', () => run.processes().length === serving.length)
  }

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one process answered everything').toBe(1)
  failure.none()
  await run.reloadWell()
  await run.stop()
})
