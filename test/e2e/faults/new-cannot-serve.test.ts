import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { ListenersFile } from '../../support/listeners-file.ts'
import { Load } from '../../support/load/load.ts'
import { type Run, startRun } from '../../support/run.ts'

/** Reloads under load and expects the old process to answer everything. */
async function expectAbort(run: Run, code: string): Promise<void> {
  const load = new Load(run.target)
  await load.more(100)
  const reload = await run.reload()
  await load.more(100)
  const tally = await load.stop()
  expect(reload.exitCode, reload.text).toBe(1)
  expect(reload.code, reload.text).toBe(code)
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one process answered everything').toBe(1)
}

test('the old process serves on when the new one wants a port that is in use', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const first = { name: 'first', host: '127.0.0.1', port: 0 }
  const second = { name: 'second', host: '127.0.0.1', port: (taken.address() as AddressInfo).port }
  const listeners = new ListenersFile([first])
  const run = await startRun('listeners.mjs', { env: listeners.env })

  listeners.become([first, second])
  await expectAbort(run, 'ERR_HANDOFF_LISTEN_FAILED')

  listeners.become([first])
  await run.reloadWell()
  await run.stop()
})

test('the old process serves on when the health check refuses the new one', async () => {
  const failure = new FailureFile()
  const run = await startRun('unhealthy-server.ts', { env: failure.env })

  failure.next('unhealthy', 'health')
  await expectAbort(run, 'ERR_HANDOFF_UNHEALTHY')

  failure.none()
  await run.reloadWell()
  await run.stop()
})

test('the old process serves on when the new one cannot receive all descriptors', async () => {
  const failure = new FailureFile()
  const listeners = new ListenersFile(
    Array.from({ length: 20 }, (_, i) => ({ name: `${i}`, host: '127.0.0.1', port: 0 })),
  )
  const run = await startRun('listeners.mjs', {
    env: { ...failure.env, ...listeners.env },
    openFiles: 200,
  })

  failure.next('useUpDescriptors', 'import')
  await expectAbort(run, 'ERR_HANDOFF_TRUNCATED')

  failure.none()
  await run.reloadWell()
  await run.stop()
})
