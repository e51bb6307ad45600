import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

test.each(['received', 'adopted'])(
  'the new process serves when the old one is killed while it has %s the listeners',
  async (point) => {
    const failure = new FailureFile()
    const run = await startRun('failing-server.mjs', { env: failure.env })
    const old = await run.listening()
    const load = new Load(run.target)
    await load.more(100)

    failure.next('killOther', point, old)
    const reload = await run.reload()

    expect(reload.exitCode, reload.text).toBe(0)
    await load.more(100)
    const tally = await load.stop()
    // What the old process had accepted died with it; nobody was refused.
    expect(tally.failed, `${tally}`).toBe(tally.count('newConnection', 'reset'))
    expect(tally.failed, `${tally}`).toBeLessThanOrEqual(16)
    failure.none()
    await run.reloadWell()
    await run.stop()
  },
)

test('the new process gives up when the old one is stopped (SIGSTOP) before it answers', async () => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', {
    flags: ['--ready-timeout', '1s'],
    env: failure.env,
  })
  const old = await run.listening()
  const load = new Load(run.target)
  await load.more(100)

  failure.next('stopOther', 'import', old)
  const reload = await run.reload()
  expect(reload.exitCode, reload.text).toBe(1)
  expect(reload.code, reload.text).toBe('ERR_HANDOFF_TIMEOUT')

  process.kill(old, 'SIGCONT')
  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  failure.none()
  await run.reloadWell()
  await run.stop()
})

test('nobody waits for ever when the old process is stopped (SIGSTOP) before it can commit', async () => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', {
    flags: ['--ready-timeout', '1s'],
    env: failure.env,
  })
  const old = await run.listening()

  failure.next('stopOther', 'adopted', old)
  const reload = await run.reload()
  expect(reload.exitCode, reload.text).toBe(1)
  expect(reload.code, reload.text).toBe('ERR_HANDOFF_TIMEOUT')

  // It wakes up with the `ready` of a process that has gone: it serves.
  process.kill(old, 'SIGCONT')
  const reply = await send(run.target, { path: '/' })
  expect(reply.pid, reply.detail).toBe(`${old}`)
  failure.none()
  await run.reloadWell()
  await run.stop()
})

test('a reload works after the serving process was killed outside of a handoff', async () => {
  const run = await startRun('failing-server.mjs')
  const old = await run.listening()
  const line = run.output.lines.length
  process.kill(old, 'SIGKILL')
  await gone(old)
  await run.listening(line)
  await run.reloadWell()
  await run.stop()
})
