// What systemd hears of the supervisor itself.

import { expect, test } from 'vitest'
import { Service } from '../../../packages/handoff/src/supervisor/fleet/service.ts'
import { NotifyPeer } from '../../support/notify-peer.ts'
import { FakeSystem } from '../support/fake-system.ts'

function service(more: NodeJS.ProcessEnv = {}) {
  const peer = new NotifyPeer()
  const system = new FakeSystem()
  return { peer, system, service: new Service({ NOTIFY_SOCKET: peer.path, ...more }, system) }
}

test('each word once, in the order of a life', async () => {
  const { peer, system, service: it } = service()
  it.reloading() // Nobody has served yet: this is no reload.
  it.status('generation 1 serves')
  it.ready()
  it.ready()
  system.advance(2)
  it.reloading()
  it.reloading()
  it.ready()
  it.stopping()
  it.stopping()
  it.ready()
  expect(await peer.hears('STOPPING=1')).toEqual([
    'READY=1',
    'RELOADING=1',
    'READY=1',
    'STOPPING=1',
  ])
  expect(peer.datagrams[0]?.fields).toEqual({ STATUS: 'generation 1 serves' })
  expect(peer.datagrams[2]?.fields).toMatchObject({ MONOTONIC_USEC: '2000' })
})

test('the watchdog hears of it twice in its time, until the end', async () => {
  const { peer, system, service: it } = service({ WATCHDOG_USEC: '4000000' })
  const barks = () => peer.told().filter((told) => told === 'WATCHDOG=1').length
  system.advance(6_000)
  await expect.poll(barks).toBe(4)
  it.close()
  expect(system.pendingTimers).toBe(0)
})

test.each([
  ['another process', { WATCHDOG_USEC: '4000000', WATCHDOG_PID: '1' }],
  ['no time', { WATCHDOG_USEC: '0' }],
  ['nothing', { WATCHDOG_USEC: 'soon' }],
])('a watchdog that waits for %s hears nothing', async (_, env) => {
  const { peer, system, service: it } = service(env)
  expect(system.pendingTimers).toBe(0)
  it.ready()
  expect(await peer.hears('READY=1')).toEqual(['READY=1'])
})

test('without a service manager nothing is told', () => {
  const system = new FakeSystem()
  const it = new Service({}, system)
  it.ready()
  it.stopping()
  expect(system.pendingTimers).toBe(0)
})
