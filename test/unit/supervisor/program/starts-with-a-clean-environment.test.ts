import { expect, test } from 'vitest'
import { runDirectory } from '../../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import {
  generationEnvironment,
  generationFlags,
} from '../../../../packages/handoff/src/supervisor/program/environment.ts'

const directory = runDirectory('web', { HANDOFF_DIR: '/run/x' })

test('a process gets its two sockets, and nothing of a previous owner', () => {
  const env = generationEnvironment(
    {
      PATH: '/bin',
      HANDOFF_DIR: '/run/x',
      NODE_CHANNEL_FD: '3',
      NODE_CHANNEL_SERIALIZATION_MODE: 'json',
      NODE_UNIQUE_ID: '1',
      LISTEN_PID: '1',
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'web',
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_PID: '1',
      WATCHDOG_USEC: '1',
      HANDOFF_RENDEZVOUS: '/old',
      HANDOFF_READY_TIMEOUT_MS: '1',
      HANDOFF_ANYTHING: 'old',
      HANDOFF_WORKER: '9',
      HANDOFF_IGNORE: '9464',
      HANDOFF_READY: 'message',
    },
    2,
    directory,
    {},
  )
  expect(env).toEqual({
    PATH: '/bin',
    HANDOFF_DIR: '/run/x',
    HANDOFF_IGNORE: '9464',
    HANDOFF_READY: 'message',
    HANDOFF_RENDEZVOUS: '/run/x/web/rendezvous.sock',
    NOTIFY_SOCKET: '/run/x/web/notify.sock',
    HANDOFF_STATUS_INTERVAL_MS: '1000',
    HANDOFF_WORKER: '2',
    NODE_COMPILE_CACHE: '/run/x/web/compile-cache',
    HANDOFF_CODE_CACHE: '/run/x/web/code-cache',
  })
})

test('the flags of the operator go to the process, zero included', () => {
  const env = generationEnvironment({}, 1, directory, {
    readyTimeoutMs: 1_000,
    drainTimeoutMs: 0,
    probationMs: 2_000,
    rampMs: 0,
    tls: 'close',
  })
  expect(env).toMatchObject({
    HANDOFF_READY_TIMEOUT_MS: '1000',
    HANDOFF_DRAIN_TIMEOUT_MS: '0',
    HANDOFF_PROBATION_MS: '2000',
    HANDOFF_RAMP_MS: '0',
    HANDOFF_TLS: 'close',
  })
})

test('a compile cache of the operator is left alone', () => {
  expect(generationEnvironment({ NODE_COMPILE_CACHE: '/c' }, 1, directory, {})).toMatchObject({
    NODE_COMPILE_CACHE: '/c',
  })
})

test.each([{ NODE_DISABLE_COMPILE_CACHE: '1' }, { NODE_V8_COVERAGE: '/c' }])(
  'with %o nothing compiled is kept',
  (variables) => {
    const env = generationEnvironment(variables, 1, directory, {})
    expect(Object.keys(env).filter((name) => name.endsWith('_CACHE'))).toEqual(
      Object.keys(variables).filter((name) => name.endsWith('_CACHE')),
    )
  },
)

test('flags of node are passed on', () => {
  expect(generationFlags(['--enable-source-maps'], '--max-old-space-size=100')).toEqual([
    '--enable-source-maps',
  ])
})

test.each(['--inspect', '--inspect=9230', '--inspect-brk', '--inspect-wait=0', '--inspect-port=1'])(
  'with %s each process takes a free port',
  (flag) => {
    expect(generationFlags([flag])).toEqual([flag, '--inspect-port=0'])
    expect(generationFlags([], `--a ${flag} --b`)).toEqual(['--inspect-port=0'])
  },
)

test('what only looks like an inspector is none', () => {
  expect(generationFlags(['--inspector-x'], '--no-inspect')).toEqual(['--inspector-x'])
})
