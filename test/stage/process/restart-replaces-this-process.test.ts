// handoff.restart(): this process starts its own replacement.

import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { ask, whereIs } from '../support/clients.ts'
import type { FakeChild } from '../support/fake-system.ts'
import { openPlace } from '../support/place.ts'

test('the replacement finds this process, and everything that the operator said', async () => {
  const place = openPlace()
  const env = {
    HANDOFF_RENDEZVOUS: place.rendezvous,
    HANDOFF_DRAIN_TIMEOUT_MS: '1000',
    HANDOFF_PROBATION_MS: '2000',
    NOTIFY_SOCKET: '/run/nobody.sock',
    PATH: '/bin',
  }
  const old = await place.start({}, { ...env })
  const server = await old.listen({ host: '127.0.0.1', port: 0 })
  await old.handoff.ready()
  expect(old.system.env).toEqual({ PATH: '/bin' })

  const restarted = old.handoff.restart()
  const child = old.system.children[0] as FakeChild
  expect(child.env).toEqual({ ...env, HANDOFF_GENERATION: '2' })
  const next = await place.start({}, { ...child.env })
  await next.listen({ host: '127.0.0.1', port: 0 })
  await next.handoff.ready()
  await restarted
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
})

test('without a rendezvous, a private one is made, handed on, and removed by the last generation', async () => {
  const place = openPlace()
  const runs = place.path('runs')
  mkdirSync(runs, { mode: 0o700 })
  const env = { HANDOFF_DIR: runs, HANDOFF_RENDEZVOUS: '' }
  const old = await place.start({ rendezvousPath: undefined as never }, { ...env })
  await old.handoff.ready()
  const restarted = old.handoff.restart()
  const path = old.system.children[0]?.env.HANDOFF_RENDEZVOUS ?? ''
  expect(dirname(dirname(path))).toBe(runs)
  const next = await place.start({ rendezvousPath: path })
  await next.handoff.ready()
  await restarted
  await old.told('drained')
  void next.handoff.stop()
  await next.exit()
  await old.exit()
  expect(existsSync(dirname(path))).toBe(false)
})

test('it rejects when the handoff is aborted, and this process serves on', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const restarted = old.handoff.restart()
  const next = await place.start()
  next.handoff.abort(new Error('no database'))
  await expect(restarted).rejects.toMatchObject({ code: 'ERR_HANDOFF_APP_FAILED', serving: 'old' })
  expect(await ask(whereIs(server))).toBe(String(old.system.pid))

  const again = old.handoff.restart()
  expect(old.system.children).toHaveLength(2)
  await place.newPeer().takeOver()
  await again
})

test('a replacement that has connected is not killed for being slow: its handoff has a deadline', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve({ readyTimeoutMs: 1_000 })
  const restarted = old.handoff.restart()
  old.system.advance(500)
  await place.newPeer().receive()
  old.system.advance(600)
  expect(old.system.children[0]?.killed).toBe(false)
  expect(old.all('aborted')).toEqual([])
  old.system.advance(400)
  await expect(restarted).rejects.toMatchObject({ code: 'ERR_HANDOFF_TIMEOUT' })
})

test('it rejects while this process is not serving', async () => {
  const place = openPlace()
  const starting = await place.start()
  const busy = { code: 'ERR_HANDOFF_BUSY' }
  await expect(starting.handoff.restart()).rejects.toMatchObject(busy)
  await starting.handoff.ready()
  await place.newPeer().receive()
  await expect(starting.handoff.restart()).rejects.toMatchObject(busy)
  expect(starting.system.children).toEqual([])
})
