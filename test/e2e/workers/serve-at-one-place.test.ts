// `handoff run --workers N`: each worker has a queue of its own at one place, and a line of its own.

import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { Load } from '../../support/load/load.ts'
import { expectOnlyCut } from '../../support/load/only-cut.ts'
import { send } from '../../support/load/send.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

const twoWorkers = ['--workers', '2']

/** Connections until each of so many processes has answered. */
async function pidsAt(target: { port?: number }, count: number): Promise<number[]> {
  const pids = new Set<number>()
  await until(`${count} processes answer`, async () => {
    pids.add(Number((await send(target, { path: '/' })).pid))
    return pids.size === count
  })
  return [...pids].sort((a, b) => a - b)
}

test('two workers answer on one port, and the status tells whose each process is', async () => {
  const run = await startRun('http-server.mjs', { flags: twoWorkers })
  const pids = await run.workersServe(2)

  expect(await pidsAt(run.target, 2)).toEqual([...pids].sort((a, b) => a - b))
  const { generation, serving, backoff, processes } = await run.status()
  expect({ generation, serving, backoff }).toEqual({
    generation: 1,
    serving: pids[0],
    backoff: null,
  })
  expect(processes.map(({ worker, pid, listeners }) => ({ worker, pid, listeners }))).toEqual(
    pids.map((pid, index) => {
      return { worker: index + 1, pid, listeners: [`tcp:127.0.0.1:${run.target.port}`] }
    }),
  )
  await run.stop()
})

test('each worker knows its number, which nobody inherits', async () => {
  const text = serverReplying('x').replace('"x"', 'process.env.HANDOFF_WORKER')
  const project = makeProject({ 'server.mjs': text })
  const run = project.run(['--name', 'web', ...twoWorkers, 'server.mjs'], { HANDOFF_WORKER: '7' })
  const { port } = await run.listens()
  const numbers = new Set<string>()
  await until('both answer', async () => numbers.add(await ask(port)).size === 2)
  expect([...numbers].sort()).toEqual(['1', '2'])
})

test('kill -9 of each worker in turn refuses nobody, and touches no other', async () => {
  const run = await startRun('http-server.mjs', { flags: twoWorkers })
  const load = new Load(run.target, { newConnection: 16 })
  for (const victim of [1, 0, 1]) {
    const before = await run.workersServe(2)
    await load.more(200)
    process.kill(before[victim] as number, 'SIGKILL')
    await run.output.waitFor(
      new RegExp(`worker ${victim + 1}: .*pid ${before[victim]}\\) was killed`),
    )
    const after = await until('another process serves', async () => {
      const pids = await run.workersServe(2)
      return pids[victim] !== before[victim] && pids
    })
    expect(after[1 - victim]).toBe(before[1 - victim])
    await load.more(200)
  }
  const tally = await load.stop()
  expectOnlyCut(tally, 3 * 16)
  await run.stop()
})

test('kill -9 of all workers at once refuses nobody: clients wait', async () => {
  const run = await startRun('http-server.mjs', { flags: twoWorkers })
  const before = await run.workersServe(2)
  const load = new Load(run.target, { newConnection: 16 })
  await load.more(200)
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until('two other processes serve', async () =>
    (await run.workersServe(2)).every((pid) => !before.includes(pid)),
  )
  await load.more(200)
  const tally = await load.stop()
  expectOnlyCut(tally, 16)
  await run.stop()
})

test('a worker of several that ends by itself is started again', async () => {
  const run = await startRun('http-server.mjs', { flags: twoWorkers })
  const [, second = 0] = await run.workersServe(2)
  process.kill(second, 'SIGTERM')
  await run.output.waitFor(/worker 2: the server starts again/)
  await until('another process serves', async () => (await run.workersServe(2))[1] !== second)
  await run.stop()
})

test('a second worker that cannot start is tried again, while the first one serves', async () => {
  const project = makeProject({
    'server.mjs': `
      import { existsSync } from 'node:fs'
      if (process.env.HANDOFF_WORKER === '2' && !existsSync('healed')) throw new Error('ill')
      ${serverReplying('one')}`,
  })
  const run = project.run(['--name', 'web', ...twoWorkers, 'server.mjs'])
  const { port } = await run.listens()
  await run.says(/worker 2: .*Error: ill/)
  await run.says(/worker 2: the server starts again/)
  expect(await ask(port)).toBe('one')

  project.write('healed', '')

  expect((await run.listens()).port).toBe(port)
  await run.says(/worker 2: .*generation 1 .* serves/)
  expect((await project.status('web')).workers.map(({ worker }) => worker)).toEqual([1, 2])
})

test('when the first worker cannot start at all, the run ends, and no other was started', async () => {
  const project = makeProject({ 'server.mjs': 'console.log("began"); throw new Error("ill")' })
  const run = project.run(['--name', 'web', ...twoWorkers, 'server.mjs'])
  expect(await run.ended()).toBe(1)
  expect(`${run.output}`.match(/^began$/gm)).toHaveLength(1)
  expect(`${run.output}`).toMatch(/worker 1: cannot start .*Error: ill/)
})

test('a number of workers that cannot be is told before anything is started', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const { exitCode, stdout, stderr } = await project.handoff('run', '--workers', '0', 'server.mjs')
  expect(stderr).toContain('Give a number from 1 to 1024, or max.')
  expect([exitCode, stdout]).toEqual([2, ''])
})
