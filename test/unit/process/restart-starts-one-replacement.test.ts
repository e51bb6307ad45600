// handoff.restart(): what the replacement is started with, and when the restart has ended.

import { expect, test } from 'vitest'
import { Restart } from '../../../packages/handoff/src/process/restart.ts'
import { HandoffError } from '../../../packages/handoff/src/terms/errors.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

const variables = { HANDOFF_RENDEZVOUS: '/run/r.sock', HANDOFF_PROBATION_MS: '10' }

function start(system = new FakeSystem()) {
  const restart = new Restart(system, 1_000)
  const run = () => restart.run(() => variables)
  return { system, restart, run }
}

test('it is the same command, with its flags, entry and arguments', async () => {
  const { system, restart, run } = start()
  system.command = { file: '/bin/node', flags: ['--import', 'tsx'], args: ['a.ts', '--inspect'] }
  const done = run()
  expect(system.children[0]?.command).toEqual(['/bin/node', '--import', 'tsx', 'a.ts', '--inspect'])
  restart.end()
  await done
})

test.each([
  [['--inspect']],
  [['--inspect=127.0.0.1:9229']],
  [['--inspect-brk']],
  [['--inspect-wait=9229']],
  [['--inspect', '--inspect-port=9300']],
  [['--debug-port=9300']],
])('%s: the inspector takes any port, the last flag counts', (flags) => {
  const { system, run } = start()
  system.command = { file: '/bin/node', flags, args: ['a.js'] }
  run()
  expect(system.children[0]?.command).toEqual(['/bin/node', ...flags, '--inspect-port=0', 'a.js'])
})

test('an inspector in NODE_OPTIONS takes any port', () => {
  const { system, run } = start()
  system.env = { NODE_OPTIONS: '--enable-source-maps --inspect=9229' }
  run()
  expect(system.children[0]?.command).toContain('--inspect-port=0')
})

test('the environment is ours and the variables, without what is about this process alone', () => {
  const { system, run } = start()
  system.env = {
    PATH: '/bin',
    HANDOFF_DIR: '/run/handoff',
    WATCHDOG_USEC: '5000000',
    NODE_CHANNEL_FD: '3',
    NODE_CHANNEL_SERIALIZATION_MODE: 'json',
    NODE_UNIQUE_ID: '1',
    LISTEN_PID: '1',
    LISTEN_FDS: '1',
    LISTEN_FDNAMES: 'http',
    WATCHDOG_PID: '1',
  }
  run()
  expect(system.children[0]?.env).toEqual({
    PATH: '/bin',
    HANDOFF_DIR: '/run/handoff',
    WATCHDOG_USEC: '5000000',
    ...variables,
  })
  expect(system.env).toHaveProperty('NODE_CHANNEL_FD')
})

test('a second restart joins the first', async () => {
  const { system, restart, run } = start()
  const both = [run(), run()]
  expect(system.children).toHaveLength(1)
  restart.end()
  await Promise.all(both)
})

test('after the end of one the next can begin', async () => {
  const { system, restart, run } = start()
  for (const count of [1, 2]) {
    const done = run()
    expect(system.children).toHaveLength(count)
    restart.end()
    await done
  }
  expect(system.pendingTimers).toBe(0)
})

test('it fails as its handoff did', async () => {
  const { restart, run, system } = start()
  const done = run()
  const error = new HandoffError('ERR_HANDOFF_UNHEALTHY', 'cannot serve: ill')
  restart.end(error)
  await expect(done).rejects.toBe(error)
  expect(system.pendingTimers).toBe(0)
})

test.each([
  [{ code: 1 }, 'ERR_HANDOFF_EXITED', 'exit code 1'],
  [{ signal: 'SIGKILL' }, 'ERR_HANDOFF_EXITED', 'signal SIGKILL'],
  [{ error: new Error('EAGAIN') }, 'ERR_HANDOFF_SPAWN_FAILED', 'EAGAIN'],
])('it fails when its process ends: %o', async (how, code, text) => {
  const { system, run } = start()
  const done = run()
  system.children[0]?.end(how)
  await expect(done).rejects.toMatchObject({ code, serving: 'old' })
  await expect(done).rejects.toThrow(text)
})

test('it fails when nothing can be spawned', async () => {
  const { system, run } = start()
  const cause = new Error('EMFILE')
  system.spawn = () => {
    throw cause
  }
  await expect(run()).rejects.toMatchObject({ code: 'ERR_HANDOFF_SPAWN_FAILED', cause })
})

test('it fails where this process cannot be replaced, and nothing is started', async () => {
  const system = new FakeSystem()
  const error = new HandoffError('ERR_HANDOFF_BUSY', 'cannot restart: this process is not serving')
  const done = new Restart(system, 1_000).run(() => {
    throw error
  })
  await expect(done).rejects.toBe(error)
  expect(system.children).toEqual([])
})

test('the late end of one replacement says nothing of the next', async () => {
  const { system, restart, run } = start()
  const first = run()
  restart.end(new HandoffError('ERR_HANDOFF_UNHEALTHY', 'cannot serve: ill'))
  await expect(first).rejects.toMatchObject({ code: 'ERR_HANDOFF_UNHEALTHY' })
  const second = run()
  system.children[0]?.end({ code: 1 })
  restart.end()
  await second
})

test('a replacement that never connects is killed at the ready timeout', async () => {
  const { system, run } = start()
  const done = run()
  system.advance(999)
  expect(system.children[0]?.killed).toBe(false)
  system.advance(1)
  await expect(done).rejects.toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
  expect(system.children[0]?.killed).toBe(true)
})

test('one that has connected is left to the deadlines of its handoff', async () => {
  const { system, restart, run } = start()
  const done = run()
  restart.connected(system.children[0]?.pid ?? 0)
  system.advance(2_000)
  expect(system.children[0]?.killed).toBe(false)
  restart.end()
  await done
})

test('a process that is not the replacement neither extends nor ends the restart', async () => {
  const { system, restart, run } = start()
  const done = run()
  const replacement = system.children[0]?.pid ?? 0
  restart.connected(replacement + 1)
  restart.handoffEnded(replacement + 1, new Error('a stray peer has gone'))
  system.advance(1_000)
  await expect(done).rejects.toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })

  const again = run()
  restart.handoffEnded(replacement + 1)
  await again
})
