// Things that happen in the same moment as a commit, an abort or a close.

import { lookup } from 'node:dns'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'
import { ask, connect, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

vi.mock('node:dns', { spy: true })

const anywhere = { host: '127.0.0.1', port: 0 }

describe('a listen that looks up its host', () => {
  afterEach(() => void vi.mocked(lookup).mockReset())

  /** The lookup of `some.host` ends when the test says so. */
  function heldLookup(): () => void {
    let done = () => {}
    vi.mocked(lookup).mockImplementation(((_host: string, ...rest: unknown[]) => {
      const callback = rest.at(-1) as (error: null, address: string, family: number) => void
      done = () => callback(null, '127.0.0.1', 4)
    }) as unknown as typeof lookup)
    return () => done()
  }

  test('while the commit comes: it is refused, and nothing listens there', async () => {
    const place = openPlace()
    const { generation: old } = await place.serve()
    const port = await freePort()
    const finish = heldLookup()
    const listening = old.listen({ host: 'some.host', port })
    await place.newPeer().takeOver()
    finish()
    await expect(listening).rejects.toMatchObject({ code: 'ERR_HANDOFF_LISTEN_STATE' })
    await expect(ask({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('while the new process becomes ready and serves: it serves as well', async () => {
    const place = openPlace()
    await place.serve()
    const next = await place.start()
    await next.listen(anywhere)
    const port = await freePort()
    const finish = heldLookup()
    const server = next.http()
    const listening = next.handoff.listen(server, { host: 'some.host', port })
    await next.handoff.ready()
    finish()
    await listening
    expect(await ask(whereIs(server))).toBe(String(next.system.pid))
  })

  test('while the process stops: it is refused', async () => {
    const { generation } = await openPlace().serve()
    const finish = heldLookup()
    const listening = generation.listen({ host: 'some.host', port: 0 })
    void generation.handoff.stop()
    finish()
    await expect(listening).rejects.toMatchObject({ code: 'ERR_HANDOFF_LISTEN_STATE' })
  })
})

describe('a listener that is added while a new process boots', () => {
  test('is not on offer: it is closed at the commit, and comes back with a take-back', async () => {
    const place = openPlace()
    const { generation: old } = await place.serve()
    const peer = place.newPeer()
    const { listeners } = await peer.receive()
    const late = await old.listen(anywhere)
    const where = whereIs(late)
    expect(await ask(where)).toBe(String(old.system.pid))
    peer.say({ type: 'ready', claimed: [listeners[0]?.key ?? ''], takes: {} })
    await peer.hear('committed')
    await expect(ask(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    peer.die()
    await old.told('taken-back')
    expect(whereIs(late)).toEqual(where)
    expect(await ask(where)).toBe(String(old.system.pid))
  })
})

describe('an application whose onEvent throws', () => {
  const thrown = new Error('the log is full')
  let armed = false
  function failingAt(type: HandoffEvent['type']) {
    armed = true
    return {
      onEvent: (event: HandoffEvent) => {
        if (armed && event.type === type) throw thrown
      },
    }
  }

  /** As for any callback that throws: the process hears of it, and the handoff is not cut in half. */
  async function uncaught(act: () => Promise<void>): Promise<unknown[]> {
    const errors: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => errors.push(error))
    try {
      await act()
      await until('the process hears of it', () => errors.length > 0)
    } finally {
      armed = false
      process.removeAllListeners('uncaughtException')
      for (const other of others) process.on('uncaughtException', other)
    }
    return errors
  }

  test.each(['stage', 'drained'] as const)('at %s, in the old process', async (type) => {
    const place = openPlace()
    const errors = await uncaught(async () => {
      const { server } = await place.serve(failingAt(type))
      const where = whereIs(server)
      const { generation: next } = await place.serve()
      expect(await ask(where)).toBe(String(next.system.pid))
    })
    expect(new Set(errors)).toEqual(new Set([thrown]))
  })

  test.each(['stage', 'serving', 'warning'] as const)('at %s, in the new process', async (type) => {
    const place = openPlace()
    const errors = await uncaught(async () => {
      const { server } = await place.serve({}, anywhere, anywhere)
      const where = whereIs(server)
      const { generation: next } = await place.serve(failingAt(type))
      expect(await ask(where)).toBe(String(next.system.pid))
    })
    expect(new Set(errors)).toEqual(new Set([thrown]))
  })
})

describe('the application closes its handoff', () => {
  test.each(['offer', 'send'])(
    'while a peer is at %s: the peer is told, and nothing is left',
    async (stage) => {
      const place = openPlace()
      const { generation } = await place.serve()
      const peer = place.newPeer()
      if (stage === 'send') await peer.receive()
      await generation.reaches(stage)
      generation.close()
      generation.handoff.release()
      expect((await peer.end()).at(-1)).toMatchObject({
        type: 'abort',
        code: 'ERR_HANDOFF_STOPPING',
      })
      expect(place.files).toEqual([])
      expect(generation.system.exits).toEqual([])
    },
  )
})

test('a client in the queue at the very commit is served by the new process', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const where = whereIs(server)
  const next = await place.start()
  await next.listen(anywhere)
  const ready = next.handoff.ready()
  // One for every turn of the loop until the commit is through.
  const answers: Promise<string>[] = []
  let serves = false
  ready.then(() => {
    serves = true
  })
  while (!serves) {
    answers.push(ask(where))
    await new Promise(setImmediate)
  }
  const pids = new Set(await Promise.all(answers))
  for (const pid of pids) expect([old, next].map(({ system }) => String(system.pid))).toContain(pid)
  expect(await ask(where)).toBe(String(next.system.pid))
})

test('a connection that is open for bytes alone does not stop the exit of an idle server', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve({ drainTimeoutMs: 2_000 })
  const socket = await connect(whereIs(server))
  socket.write('GET / HT') // A request that never becomes whole.
  const peer = place.newPeer()
  await peer.takeOver()
  old.system.advance(2_000)
  expect(await old.told('drained')).toMatchObject({ counts: { forced: 1 } })
  old.system.advance(5_000)
  expect(await old.exit()).toBe(0)
  socket.destroy()
})
