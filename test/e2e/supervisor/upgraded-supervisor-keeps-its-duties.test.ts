// What a supervisor owes to others: it owes it still when it has become another release of itself.

import { once } from 'node:events'
import { expect, test } from 'vitest'
import { bindTcp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close, describe } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { ask, main, makeProject, serverReplying } from '../../support/cli-project.ts'
import { holdRequest } from '../../support/held-request.ts'
import { NotifyPeer } from '../../support/notify-peer.ts'
import { gone } from '../../support/process-facts.ts'
import { makeRelease, upgradeBy } from '../../support/release.ts'
import { startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { Service, serviceEntry } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { watching } from '../../support/watching.ts'

/** `handoff run`, as systemd starts a service: the pid in a variable is that of the process itself. */
function startService(
  pidVariable: string,
  env: NodeJS.ProcessEnv,
  { flags = [], descriptors = [] }: { flags?: string[]; descriptors?: number[] } = {},
) {
  const directory = scratchDirectory()
  const run = [process.execPath, main, 'run', '--name', 'web', ...flags, serviceEntry]
  const service = new Service(['sh', '-c', `${pidVariable}=$$ exec "$@"`, 'sh', ...run], {
    env: { ...env, HANDOFF_DIR: directory },
    descriptors,
  })
  return { service, place: { name: 'web', directory } }
}

test('the watchdog is kept quiet, and the service stays the one that it was', async () => {
  const peer = new NotifyPeer()
  const { service, place } = startService('WATCHDOG_PID', {
    NOTIFY_SOCKET: peer.path,
    WATCHDOG_USEC: '200000',
  })
  const barks = (from: number) => peer.told(from).filter((told) => told === 'WATCHDOG=1').length
  const words = (from: number) => peer.told(from).filter((told) => told !== 'WATCHDOG=1')
  await service.listens()
  await peer.hears('READY=1')
  await expect.poll(() => barks(0), { timeout: 10_000 }).toBeGreaterThan(2)

  const before = peer.datagrams.length
  const { exitCode, output } = await upgradeBy(makeRelease('7.0.1').command, place)
  expect(exitCode, output).toBe(0)
  await service.output.waitFor(/the supervisor is release 7\.0\.1 now/)
  const after = peer.datagrams.length
  await expect.poll(() => barks(after), { timeout: 10_000 }).toBeGreaterThan(2)
  expect(words(before)).toEqual([])

  process.kill(service.pid, 'SIGHUP')
  await service.listens()
  await until('the reload ends', () => words(before).length === 2)
  process.kill(service.pid, 'SIGTERM')
  await once(service.child, 'close')
  await peer.hears('STOPPING=1', before)
  expect(words(before)).toEqual(['RELOADING=1', 'READY=1', 'STOPPING=1'])
  // The service manager takes the word of no other process.
  expect(new Set(peer.datagrams.map(({ pid }) => pid))).toEqual(new Set([service.pid]))
})

test.each([1, 2])(
  'the socket of a unit is kept, and given to whoever is started: %i worker(s)',
  async (count) => {
    const fd = bindTcp({ address: '127.0.0.1', port: 0 })
    const { port } = describe(fd)
    const { service, place } = startService(
      'LISTEN_PID',
      { LISTEN_FDS: '1', LISTEN_FDNAMES: 'web.socket', PORT: String(port) },
      { descriptors: [fd], flags: ['--workers', String(count)] },
    )
    close(fd)
    const pids = []
    for (let worker = 1; worker <= count; worker++) {
      const listens = await service.listens()
      expect(listens.port).toBe(port)
      pids.push(listens.pid)
    }

    const { exitCode, output } = await upgradeBy(makeRelease('7.0.1').command, place)
    expect(exitCode, output).toBe(0)
    expect(await ask(port)).toBe('hello\n')

    // Nobody accepts any more: who connects waits in the queue of the kept socket.
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    for (const pid of pids) await gone(pid)
    expect(await ask(port)).toBe('hello\n')
    expect((await service.listens()).port).toBe(port)
    process.kill(service.pid, 'SIGTERM')
    await once(service.child, 'close')
    expect(`${service.output}`).not.toContain('no longer listened on')
  },
)

test('a process that still drains finishes its work, and its end is noticed', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--probation', '0'] })
  const { serving } = await run.status()
  const held = holdRequest(run.target)
  await until('the request is under way', async () => {
    return (await run.status()).processes.some(({ connections }) => connections > 0)
  })
  expect((await run.reload()).exitCode).toBe(0)

  const { exitCode, output } = await upgradeBy(makeRelease('7.0.1').command, run)

  expect(exitCode, output).toBe(0)
  const drains = (await run.status()).processes.find(({ pid }) => pid === serving)
  expect(drains).toMatchObject({ stage: 'drain', generation: 1, connections: 1 })
  held.end()
  expect(await held.reply).toMatchObject({ kind: 'ok', pid: String(serving) })
  await run.output.waitFor(
    new RegExp(`generation 1 \\(pid ${serving}\\) has drained: 1 connection finished, none cut`),
  )
  await until('its end is known', async () => (await run.status()).processes.length === 1)
  expect((await run.status()).handoffs.fates.drained).toEqual({ http: 1 })
  await run.stop()
})

test('workers that have no place any more end under the next release, and come again', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2', '--probation', '0'] })
  const [, second = 0] = await run.workersServe(2)
  const held = Array.from({ length: 16 }, () => holdRequest(run.target))
  await until('the second one has requests', async () => {
    const { processes } = await run.status()
    return (processes.find(({ pid }) => pid === second)?.connections ?? 0) > 0
  })
  const fewer = await run.reload('--workers', '1')
  expect(fewer.exitCode, fewer.text).toBe(0)

  const { exitCode, output } = await upgradeBy(makeRelease('7.0.1').command, run)

  expect(exitCode, output).toBe(0)
  const { workers, processes } = await run.status()
  expect(workers.map(({ worker }) => worker)).toEqual([1])
  expect(processes.find(({ pid }) => pid === second)).toMatchObject({ worker: 2, stage: 'drain' })
  for (const request of held) request.end()
  const replies = await Promise.all(held.map(({ reply }) => reply))
  expect(replies.filter(({ kind }) => kind !== 'ok')).toEqual([])
  expect(replies.map(({ pid }) => pid)).toContain(String(second))
  await until('its end is known', async () => (await run.status()).processes.length === 1)

  const more = await run.reload('--workers', '2')
  expect(more.exitCode, more.text).toBe(0)
  await run.workersServe(2)
  await run.stop()
})

test('a run that waits for its first server waits on, and is ready only then', async () => {
  const peer = new NotifyPeer()
  const project = makeProject({ 'package.json': '{}', 'server.mjs': 'const a = ;' })
  const run = project.run(['--watch', '--name', 'web', 'server.mjs'], { NOTIFY_SOCKET: peer.path })
  await run.says(/No process serves\. \[ERR_HANDOFF_APP_FAILED\]/)
  await watching(run)

  const place = { name: 'web', directory: project.runs }
  const from = run.output.lines.length
  const { exitCode, output } = await upgradeBy(makeRelease('7.0.1').command, place)
  expect(exitCode, output).toBe(0)
  await watching(run, from)

  project.write('server.mjs', 'const b = ;')
  await run.says(/No process serves\. \[ERR_HANDOFF_APP_FAILED\]/)
  expect((await project.status('web')).backoff).toBeNull()
  expect(peer.told()).toEqual([])

  project.write('server.mjs', serverReplying('here'))
  expect(await ask((await run.listens()).port)).toBe('here')
  expect(await peer.hears('READY=1')).toEqual(['READY=1'])
})
