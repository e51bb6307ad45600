// The notify protocol, as systemd or the supervisor hears it.

import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DatagramListener } from '../../../packages/handoff/src/io/channel/datagram.ts'
import { closeAll } from '../../../packages/handoff/src/io/channel/wire.ts'
import {
  eventField,
  type NotifyFields,
  parseNotify,
} from '../../../packages/handoff/src/protocol/notify.ts'
import { eventsChannel, type HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { until } from '../../support/until.ts'
import { whereIs } from '../support/clients.ts'
import { openPlace, type Place } from '../support/place.ts'

/** A supervisor that only listens. */
function supervisor(place: Place) {
  const heard: NotifyFields[] = []
  const path = place.path('notify.sock')
  const listener = DatagramListener.bind(
    path,
    0o600,
    ({ data, fds }) => {
      closeAll(fds) // Its listeners, in case it dies.
      heard.push(parseNotify(String(data)))
    },
    (error) => {
      throw error
    },
  )
  onTestFinished(() => listener.close())
  return {
    env: { NOTIFY_SOCKET: path, HANDOFF_STATUS_INTERVAL_MS: '1000' },
    heard,
    events: () =>
      heard
        .flatMap((fields) => fields[eventField] ?? [])
        .map((text) => JSON.parse(text) as HandoffEvent),
    /** The times that were asked for, in microseconds. */
    extensions: () => heard.flatMap(({ EXTEND_TIMEOUT_USEC }) => EXTEND_TIMEOUT_USEC ?? []),
    async hears(name: string, value: string): Promise<NotifyFields> {
      return await until(`${name}=${value}`, () => heard.find((fields) => fields[name] === value))
    },
  }
}

const anywhere = { host: '127.0.0.1', port: 0 }

test('ready, main process, status and stop, in the words of sd_notify(3)', async () => {
  const place = openPlace()
  const { env, hears, heard } = supervisor(place)
  const first = await place.start({}, { ...env })
  expect(heard.filter((fields) => 'READY' in fields)).toEqual([])
  await first.handoff.ready()
  expect(await hears('READY', '1')).toMatchObject({
    MAINPID: String(first.system.pid),
    STATUS: `generation 1 (pid ${first.system.pid}) serves after 0 ms`,
  })

  const second = await place.start({}, { ...env })
  await second.handoff.ready()
  await hears('MAINPID', String(second.system.pid))
  void second.handoff.stop()
  expect(await hears('STOPPING', '1')).toBeDefined()
  // The old process ended for its successor: it must not stop the service.
  await until('the first one leaves', () => first.system.exits.length > 0)
  const stopping = heard.filter((fields) => 'STOPPING' in fields)
  const pids = stopping.map(
    (fields) => (JSON.parse(fields[eventField] ?? '{}') as HandoffEvent).pid,
  )
  expect(new Set(pids)).toEqual(new Set([second.system.pid]))
})

test('a take-back makes the old process the main one again', async () => {
  const place = openPlace()
  const { env, heard } = supervisor(place)
  const old = await place.start({}, { ...env })
  await old.handoff.ready()
  const peer = place.newPeer()
  await peer.takeOver()
  peer.die()
  await old.told('taken-back')
  await until('it is told', () => heard.some((fields) => /taken back/.test(fields.STATUS ?? '')))
  expect(heard.findLast(({ STATUS }) => STATUS !== undefined)).toMatchObject({
    READY: '1',
    MAINPID: String(old.system.pid),
  })
})

test('every event arrives as one line of JSON, as the application and diagnostics_channel have it', async () => {
  const place = openPlace()
  const { env, events } = supervisor(place)
  const published: HandoffEvent[] = []
  const subscriber = (event: unknown) => void published.push(event as HandoffEvent)
  eventsChannel.subscribe(subscriber)
  onTestFinished(() => void eventsChannel.unsubscribe(subscriber))
  const process = await place.start({}, { ...env })
  await process.listen(anywhere)
  await process.handoff.ready()
  place.newPeer().die()
  await process.told('aborted')
  await until('all have arrived', () => events().length === process.events.length)
  expect(events()).toEqual(process.events)
  expect(published).toEqual(process.events)
  for (const event of process.events) {
    expect(event).toMatchObject({ pid: process.system.pid, elapsedMs: expect.any(Number) })
  }
})

describe('status', () => {
  test('is told at its interval, when it has changed', async () => {
    const place = openPlace()
    const { env } = supervisor(place)
    const generation = await place.start({}, { ...env })
    const { system, handoff } = generation
    const told = () => generation.all('status')
    system.advance(999)
    expect(told()).toEqual([])
    system.advance(1)
    expect(told()).toMatchObject([{ stage: 'adopt', listeners: [], connections: 0 }])
    system.advance(10_000)
    expect(told()).toHaveLength(1)
    await handoff.ready()
    system.advance(1_000)
    expect(told()).toMatchObject([{ stage: 'adopt' }, { stage: 'serving' }])
  })

  test('is told to nobody without a supervisor', async () => {
    const place = openPlace()
    const { generation } = await place.serve()
    generation.system.advance(60_000)
    expect(generation.all('status')).toEqual([])
  })
})

describe('time that only the code asks for', () => {
  const options = { readyTimeoutMs: 120_000, drainTimeoutMs: 90_000.5 }

  test('is told at the start, at the stop, and before the exit hooks', async () => {
    const place = openPlace()
    const { env, extensions } = supervisor(place)
    const process = await place.start(options, { ...env })
    const server = await process.listen(anywhere)
    await until('the start', () => extensions().length === 1)
    await process.handoff.ready()
    const request = await process.inFlight(whereIs(server))
    void process.handoff.stop()
    await until('the stop', () => extensions().length === 2)
    request.finish()
    await process.exit()
    await until('the exit', () => extensions().length === 3)
    expect(extensions()).toEqual(['120000000', '90000500', '90000500'])
  })

  test('is told by a process that drains already', async () => {
    const place = openPlace()
    const { env, extensions } = supervisor(place)
    const old = await place.start(options, { ...env })
    const server = await old.listen(anywhere)
    await old.handoff.ready()
    const request = await old.inFlight(whereIs(server))
    await place.newPeer().takeOver()
    await old.reaches('drain')
    // With the probation: how long it may still be here.
    await until('the drain', () => extensions().length === 2)
    expect(extensions()).toEqual(['120000000', '95000500'])
    void old.handoff.stop()
    await until('the stop', () => extensions().length === 3)
    request.finish()
    await old.exit()
  })
})

test('a process in its ramp asks for the time of the ramp as well, and then for that of the drain', async () => {
  const place = openPlace()
  const { env, extensions } = supervisor(place)
  const times = { rampMs: 3_000, probationMs: 5_000, drainTimeoutMs: 60_000 }
  const old = await place.start(times, { ...env })
  const server = await old.listen(anywhere)
  await old.handoff.ready()
  const request = await old.inFlight(whereIs(server))
  const peer = place.newPeer()
  peer.accepts.push('ramp')
  await peer.takeOver()
  await old.reaches('ramp')
  await until('the ramp', () => extensions().length === 2)
  expect(extensions().at(-1)).toBe('68000000')
  peer.say({ type: 'pace', meanUs: 0, mostUs: 0 })
  old.system.advance(3_000)
  peer.say({ type: 'pace', meanUs: 0, mostUs: 0 })
  await old.reaches('drain')
  await until('the drain', () => extensions().at(-1) === '65000000')
  request.finish()
  void old.handoff.stop()
  await old.exit()
})

describe('that the event loop turns', () => {
  const told = (heard: NotifyFields[]) =>
    heard.flatMap(({ X_HANDOFF_ALIVE }) => X_HANDOFF_ALIVE ?? [])

  test('is told at the start, at each interval, and when this process serves', async () => {
    const place = openPlace()
    const { env, heard } = supervisor(place)
    const { system, handoff } = await place.start({}, { ...env })
    await until('the start', () => told(heard).length === 1)
    system.advance(3_000)
    await until('three intervals', () => told(heard).length === 4)
    await handoff.ready()
    system.advance(1)
    await until('it serves', () => told(heard).length === 5)
    expect(new Set(told(heard))).toEqual(new Set(['1']))
  })

  test('comes with the time that a process that drains has left', async () => {
    const place = openPlace()
    const { env, heard } = supervisor(place)
    const { system, handoff } = await place.start({ drainTimeoutMs: 60_000 }, { ...env })
    await handoff.ready()
    system.advance(0)
    const peer = place.newPeer()
    await peer.takeOver()
    const left = () =>
      heard.flatMap((fields) =>
        'X_HANDOFF_ALIVE' in fields ? (fields.EXTEND_TIMEOUT_USEC ?? []) : [],
      )
    system.advance(2_000)
    await until('two intervals', () => left().length === 2)
    expect(left()).toEqual(['64000000', '63000000'])
    peer.die()
    await until('it serves again', () => handoff.metrics().stage === 'serving')
    const before = told(heard).length
    system.advance(1_000)
    await until('one more', () => told(heard).length > before)
    expect(left()).toHaveLength(2)
  })

  test('is not promised where a debugger may stop it, or after the application has closed', async () => {
    const place = openPlace()
    const { env, heard } = supervisor(place)
    const { system, handoff } = await place.start({}, { ...env })
    system.inspected = true
    system.advance(2_000)
    system.inspected = false
    system.advance(1_000)
    handoff.release()
    system.advance(5_000)
    await until('the end', () => told(heard).length === 4)
    expect(told(heard)).toEqual(['1', '0', '1', '0'])
  })

  test('is told to nobody without a supervisor', async () => {
    const place = openPlace()
    const { env, heard } = supervisor(place)
    const { system } = await place.start({}, { NOTIFY_SOCKET: env.NOTIFY_SOCKET })
    system.advance(3_000)
    expect(told(heard)).toEqual([])
  })
})

test('a supervisor that is gone stops nothing', async () => {
  const place = openPlace()
  const env = { NOTIFY_SOCKET: place.path('nobody.sock') }
  const first = await place.start({}, { ...env })
  await first.handoff.ready()
  const second = await place.start({}, { ...env })
  await second.handoff.ready()
  expect(second.handoff.generation).toBe(2)
  expect(first.system.warnings).toEqual([])
})

test('without onEvent a warning goes to the error output', async () => {
  const place = openPlace()
  const { server } = await place.serve({}, anywhere)
  const { port } = server.address() as AddressInfo
  const next = await place.start({ onEvent: undefined as never })
  await next.handoff.ready()
  expect(next.system.warnings).toEqual([
    expect.stringContaining(`handoff: tcp:127.0.0.1:${port} is no longer`),
  ])
})

test('times count from the beginning of each handoff', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  old.system.advance(60_000)
  const peer = place.newPeer()
  await old.reaches('offer')
  old.system.advance(20)
  await peer.receive()
  const [offer, send] = old.all('stage').slice(-2)
  expect(offer).toMatchObject({ stage: 'offer', elapsedMs: 0 })
  expect(send).toMatchObject({ stage: 'send', elapsedMs: 20 })
})
