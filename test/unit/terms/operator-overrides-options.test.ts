// Options of createHandoff and the operator's environment, joined.

import { describe, expect, test } from 'vitest'
import {
  type HandoffOptions,
  readSettings,
  restoreVariables,
} from '../../../packages/handoff/src/terms/options.ts'

const times = [
  { option: 'readyTimeoutMs', variable: 'HANDOFF_READY_TIMEOUT_MS', fallback: 60_000 },
  { option: 'drainTimeoutMs', variable: 'HANDOFF_DRAIN_TIMEOUT_MS', fallback: 30_000 },
  { option: 'probationMs', variable: 'HANDOFF_PROBATION_MS', fallback: 5_000 },
  { option: 'rampMs', variable: 'HANDOFF_RAMP_MS', fallback: 3_000 },
] as const

function refused(options: object, env: NodeJS.ProcessEnv = {}, message = /./): void {
  expect(() => readSettings(options as HandoffOptions, env)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOFF_INVALID_OPTION',
      message: expect.stringMatching(message),
    }),
  )
}

describe.each(times)('$option', ({ option, variable, fallback }) => {
  test('has a default, is taken from the code, and the operator wins', () => {
    expect(readSettings({}, {})[option]).toBe(fallback)
    expect(readSettings({ [option]: 70 }, {})[option]).toBe(70)
    expect(readSettings({ [option]: 70 }, { [variable]: '80' })[option]).toBe(80)
    expect(readSettings({ [option]: 70 }, { [variable]: '' })[option]).toBe(70)
  })

  test('is a number of milliseconds that a timer can wait for', () => {
    expect(readSettings({ [option]: 0 }, {})[option]).toBe(0)
    expect(readSettings({ [option]: 2 ** 31 - 1 }, {})[option]).toBe(2 ** 31 - 1)
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100', {}]) {
      refused({ [option]: wrong })
    }
    for (const wrong of ['-1', 'soon', '60s', '1e10', ' ', 'Infinity']) {
      refused({}, { [variable]: wrong })
    }
  })
})

test('a program without a ramp has none, whatever the operator says, and the operator can switch it off', () => {
  expect(readSettings({ rampMs: 0 }, { HANDOFF_RAMP_MS: '2000' }).rampMs).toBe(0)
  expect(readSettings({ rampMs: 500 }, { HANDOFF_RAMP_MS: '0' }).rampMs).toBe(0)
  expect(readSettings({}, { HANDOFF_RAMP_MS: '0' }).rampMs).toBe(0)
})

test('TLS connections move, unless the program or the operator forbids it', () => {
  expect(readSettings({}, {}).tls).toBe('move')
  expect(readSettings({ tls: 'close' }, {}).tls).toBe('close')
  expect(readSettings({ tls: 'move' }, { HANDOFF_TLS: 'close' }).tls).toBe('close')
  expect(readSettings({ tls: 'close' }, { HANDOFF_TLS: 'move' }).tls).toBe('close')
  for (const wrong of ['', 'yes', true, null]) refused({ tls: wrong })
  refused({}, { HANDOFF_TLS: 'yes' }, /HANDOFF_TLS is yes, not move or close/)
})

test('the rendezvous is an absolute path, and the supervisor knows better', () => {
  expect(readSettings({}, {}).rendezvousPath).toBeUndefined()
  expect(readSettings({ rendezvousPath: '/run/a.sock' }, {}).rendezvousPath).toBe('/run/a.sock')
  const env = { HANDOFF_RENDEZVOUS: '/run/b.sock' }
  expect(readSettings({ rendezvousPath: '/run/a.sock' }, env).rendezvousPath).toBe('/run/b.sock')
  for (const wrong of ['a.sock', './a.sock', '', 1, null, {}]) refused({ rendezvousPath: wrong })
})

test('an unknown option is an error that names the options; an old name names the new one', () => {
  refused(
    { drainTimeout: 5 },
    {},
    /there is no option "drainTimeout"\. The options are .*drainTime/,
  )
  refused({ rendezvous: '/run/a.sock' }, {}, /no option "rendezvous"\. Use rendezvousPath\.$/)
  refused({ toString: 1 }, {}, /there is no option "toString"\. The options are/)
  expect(readSettings({ rendezvous: undefined } as HandoffOptions, {}).rendezvousPath).toBe(
    undefined,
  )
})

test('an option of another type is an error that names its type', () => {
  refused({ signals: 'x' }, {}, /signals is x, not a boolean/)
  refused({ onEvent: 1 }, {}, /onEvent is 1, not a function/)
  refused({ rendezvousPath: '' }, {}, /rendezvousPath is empty, not an absolute path/)
})

test('allowUids is a list of user ids', () => {
  expect(readSettings({}, {}).allowUids).toEqual([])
  expect(readSettings({ allowUids: [0, 33] }, {}).allowUids).toEqual([0, 33])
  for (const wrong of [33, '33', ['33'], [-1], [1.5], [Number.NaN], {}]) {
    refused({ allowUids: wrong })
  }
})

test('the supervisor counts generations where there is no old process', () => {
  expect(readSettings({}, {}).firstGeneration).toBe(1)
  expect(readSettings({}, { HANDOFF_GENERATION: '7' }).firstGeneration).toBe(7)
  for (const wrong of ['0', '-1', '1.5', 'two', '1e99']) refused({}, { HANDOFF_GENERATION: wrong })
})

test('the supervisor says how often it wants the status, and never without a pause', () => {
  expect(readSettings({}, {}).statusIntervalMs).toBeUndefined()
  expect(readSettings({}, { HANDOFF_STATUS_INTERVAL_MS: '1000' }).statusIntervalMs).toBe(1_000)
  refused({}, { HANDOFF_STATUS_INTERVAL_MS: '0' })
  refused({}, { HANDOFF_STATUS_INTERVAL_MS: 'often' })
})

test('our variables are taken out of the environment, what is not ours stays', () => {
  const env: NodeJS.ProcessEnv = {
    HANDOFF_RENDEZVOUS: '/run/b.sock',
    HANDOFF_STATUS_INTERVAL_MS: '1000',
    HANDOFF_READY_TIMEOUT_MS: '1',
    HANDOFF_DRAIN_TIMEOUT_MS: '2',
    HANDOFF_PROBATION_MS: '3',
    NOTIFY_SOCKET: '/run/notify.sock',
    HANDOFF_DIR: '/run/handoff',
    PATH: '/bin',
  }
  expect(readSettings({}, env).notifySocket).toBe('/run/notify.sock')
  expect(env).toEqual({ HANDOFF_DIR: '/run/handoff', PATH: '/bin' })
})

test('where an option is wrong, or the handoff cannot begin, they are there for a second try', () => {
  const given = { HANDOFF_RENDEZVOUS: '/run/b.sock', HANDOFF_DRAIN_TIMEOUT_MS: '2', PATH: '/bin' }
  const env: NodeJS.ProcessEnv = { ...given }
  refused({ allowUids: 33 }, env)
  expect(env).toEqual(given)
  restoreVariables(readSettings({}, env), env)
  expect(env).toEqual(given)
})

test('signals are handled unless the code says otherwise', () => {
  expect(readSettings({}, {}).signals).toBe(true)
  expect(readSettings({ signals: false }, {}).signals).toBe(false)
})
