// A reload of several workers: the first one before all others, and no client can tell.

import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { everything, Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

test.each([[[]], [['--parallel']]])(
  'reloads of three workers %j under load lose nothing',
  async (flags) => {
    const run = await startRun('http-server.mjs', { flags: ['--workers', '3'] })
    const first = await run.workersServe(3)
    const load = new Load(run.target, everything)

    for (let count = 0; count < 3; count++) {
      const { exitCode, events, text } = await run.reload(...flags)
      expect(exitCode, text).toBe(0)
      expect(events.at(-1)).toMatchObject({
        ...{ type: 'result', ok: true, serving: 'new', generation: count + 2 },
        workers: [1, 2, 3].map((worker) => ({
          worker,
          outcome: 'reloaded',
          generation: count + 2,
        })),
      })
    }

    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    const last = await run.workersServe(3)
    expect(last.filter((pid) => first.includes(pid))).toEqual([])
    await run.stop()
  },
)

/** A server of two workers, of which one fails to start, or takes its time, where a file names it. */
async function startTwo() {
  const project = makeProject({
    ill: '',
    slow: '',
    'server.mjs': `
      import { readFileSync, watch } from 'node:fs'
      const isNamed = (file) => readFileSync(file, 'utf8') === process.env.HANDOFF_WORKER
      if (isNamed('ill')) throw new Error('ill')
      const watcher = watch('slow')
      if (isNamed('slow')) {
        console.log('waiting')
        await new Promise((resolve) => watcher.on('change', () => isNamed('slow') || resolve()))
      }
      watcher.close()
      ${serverReplying('one')}`,
  })
  const run = project.run(['--name', 'web', '--workers', '2', 'server.mjs'])
  const { port } = await run.listens()
  await run.listens()
  await run.says(/worker 2: generation 1/)
  const pids = async () => (await project.status('web')).workers.map(({ serving }) => serving)
  return { project, run, port, pids }
}

test('when the first worker fails, no other is touched', async () => {
  const { project, run, port, pids } = await startTwo()
  const before = await pids()
  project.write('ill', '1')

  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(stderr).toMatch(/^handoff: worker 1: cannot start .*Error: ill/)
  expect(stderr).toMatch(/No worker runs the new code; workers 1 and 2 run the old code\. \[/)
  expect(exitCode).toBe(1)

  await run.says(/the reload stops here/)
  expect(await pids()).toEqual(before)
  expect((await project.status('web')).handoffs).toMatchObject({ completed: 0, aborted: 1 })
  expect(await ask(port)).toBe('one')
})

test('when a later worker fails, the result tells which ones run the new code', async () => {
  const { project, pids } = await startTwo()
  const [first, second] = await pids()
  project.write('ill', '2')

  const { exitCode, stdout } = await project.handoff('reload', 'web', '--json')
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout.split('\n').at(-1) ?? '')).toMatchObject({
    ...{ type: 'result', ok: false, serving: 'new', generation: 2 },
    code: 'ERR_HANDOFF_APP_FAILED',
    message: expect.stringContaining('Worker 1 runs the new code; worker 2 runs the old code.'),
    workers: [
      { worker: 1, outcome: 'reloaded', generation: 2 },
      { worker: 2, outcome: 'failed', generation: 1, pid: second },
    ],
  })
  expect(await pids()).toEqual([expect.any(Number), second])
  expect((await pids())[0]).not.toBe(first)
})

test('a signal reloads all; another one in the middle reloads all once more', async () => {
  const { project, run, pids } = await startTwo()
  const before = await pids()
  process.kill(run.pid, 'SIGHUP')
  await run.says(/worker 1: generation 2/)
  process.kill(run.pid, 'SIGHUP')
  await run.says(/during a start: another start follows/)
  await run.says(/worker 1: generation 3/)
  await run.says(/worker 2: generation 3/)
  await until('both are new', async () => (await pids()).every((pid) => !before.includes(pid)))
  expect((await project.status('web')).handoffs).toMatchObject({ completed: 4, aborted: 0 })
})

test('a second reload is refused until the last worker has been replaced', async () => {
  const { project, run } = await startTwo()
  project.write('slow', '2')
  const first = project.handoff('reload', 'web')
  await run.says(/worker 1: generation 2/)
  await run.prints(/waiting/)

  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(stderr).toContain('[ERR_HANDOFF_BUSY]')
  expect(exitCode).toBe(1)

  project.write('slow', '')
  expect((await first).exitCode).toBe(0)
})
