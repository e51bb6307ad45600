// Stop, signals, exit hooks: the end of a process without a successor, from every state.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { ask, connect, readAll, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'

/** A first generation with a TCP port and a Unix path. */
async function serving(options: HandoffOptions = {}) {
  const place = openPlace()
  const path = place.path('app.sock')
  const listeners = [{ host: '127.0.0.1', port: 0 }, { path }]
  const { generation, server } = await place.serve(options, ...listeners)
  const where = whereIs(server)
  return { place, generation, server, where, path, slow: () => generation.inFlight(where) }
}

describe('stop', () => {
  test('accepts no more, finishes what is in flight, removes its paths, exits with 0', async () => {
    const { place, generation, where, path, slow } = await serving()
    const { answer, finish } = await slow()
    void generation.handoff.stop()
    await expect(ask(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(ask({ path })).rejects.toMatchObject({ code: 'ENOENT' })
    expect(place.files).toEqual([])
    expect(generation.system.exits).toEqual([])
    finish()
    expect(await answer).toBe('whole')
    expect(await generation.exit()).toBe(0)
    expect(generation.all('drained')).toMatchObject([{ counts: { drained: 1, forced: 0 } }])
  })

  test('without a connection it is over at once', async () => {
    const { generation } = await serving()
    void generation.handoff.stop()
    expect(await generation.exit()).toBe(0)
  })

  test('an idle connection is closed, not waited for', async () => {
    const { generation, where } = await serving()
    const socket = await connect(where)
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const all = readAll(socket)
    await until(
      'the reply has come',
      () => generation.handoff.metrics().connections === 1 && socket.bytesRead > 0,
    )
    void generation.handoff.stop()
    expect(await all).toMatch(/^HTTP\/1.1 200/)
    socket.destroy()
    expect(await generation.exit()).toBe(0)
  })

  test('twice is once', async () => {
    const { generation } = await serving()
    expect(generation.handoff.stop()).toBe(generation.handoff.stop())
    expect(await generation.exit()).toBe(0)
    expect(generation.system.exits).toEqual([0])
  })

  test('before ready: the first generation ends like any other', async () => {
    const place = openPlace()
    const generation = await place.start()
    const path = place.path('app.sock')
    await generation.listen({ path })
    void generation.handoff.stop()
    expect(await generation.exit()).toBe(0)
    expect(place.files).toEqual([])
  })

  test.each(['offer', 'send'])('in %s: the peer is told, and this process ends', async (stage) => {
    const { place, generation, where } = await serving()
    const peer = place.newPeer()
    if (stage === 'send') await peer.receive()
    await generation.reaches(stage)
    void generation.handoff.stop()
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_STOPPING' })
    expect(await generation.exit()).toBe(0)
    peer.die() // It may have descriptors of the listeners.
    await expect(ask(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('within the probation of the generation before: that one does not take back', async () => {
    const { place, generation: old } = await serving()
    const { generation: next } = await place.serve({}, { host: '127.0.0.1', port: 0 })
    await old.told('drained')
    void next.handoff.stop()
    expect(await next.exit()).toBe(0)
    expect(await old.exit()).toBe(0)
    expect(old.all('taken-back')).toEqual([])
    expect(place.files).toEqual([])
  })

  test('what is left at the drain deadline is closed and counted', async () => {
    const { generation, slow } = await serving({ drainTimeoutMs: 1_000 })
    const requests = [await slow(), await slow()]
    void generation.handoff.stop()
    requests[0]?.finish()
    await requests[0]?.answer
    await until('one is left', () => generation.handoff.metrics().connections === 1)
    generation.system.advance(999)
    expect(generation.all('drained')).toEqual([])
    generation.system.advance(1)
    await expect(requests[1]?.answer).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await generation.exit()).toBe(0)
    expect(generation.all('drained')).toMatchObject([{ counts: { drained: 1, forced: 1 } }])
  })

  test('a path that is no longer ours stays', async () => {
    const { place, generation, path } = await serving()
    for (const file of [path, place.rendezvous]) {
      rmSync(file)
      writeFileSync(file, 'something else')
    }
    void generation.handoff.stop()
    expect(await generation.exit()).toBe(0)
    expect(place.files).toEqual(['app.sock', 'rendezvous.sock'])
  })
})

describe('listen and bind are refused', () => {
  const refused = { code: 'ERR_HANDOFF_LISTEN_STATE' }

  test('once the process ends', async () => {
    const { generation, slow } = await serving()
    const { finish } = await slow()
    void generation.handoff.stop()
    await expect(generation.listen({ host: '127.0.0.1', port: 0 })).rejects.toMatchObject(refused)
    finish()
  })

  test('once it has committed', async () => {
    const { place, generation, slow } = await serving()
    const { finish } = await slow()
    await place.newPeer().takeOver()
    await expect(generation.listen({ host: '127.0.0.1', port: 0 })).rejects.toMatchObject(refused)
    finish()
  })

  test('but not because somebody knocks at the rendezvous socket', async () => {
    const { place, generation } = await serving()
    const peer = place.newPeer()
    await generation.reaches('offer')
    const server = await generation.listen({ host: '127.0.0.1', port: 0 })
    expect(await ask(whereIs(server))).toBe(String(generation.system.pid))
    await peer.receive()
    const another = await generation.listen({ host: '127.0.0.1', port: 0 })
    expect(await ask(whereIs(another))).toBe(String(generation.system.pid))
    expect(peer.manifest?.listeners).toHaveLength(4)
  })
})

describe('exit hooks', () => {
  test('run after the last connection, and the process exits after them', async () => {
    const { generation, slow } = await serving()
    const log: string[] = []
    generation.handoff.onExit(async () => {
      log.push(`${generation.handoff.metrics().stage}, ${generation.system.exits.length} exits`)
    })
    const undone = generation.handoff.onExit(() => void log.push('undone'))
    undone()
    const { answer, finish } = await slow()
    void generation.handoff.stop()
    await expect.poll(() => generation.all('stage').at(-1)?.stage).toBe('drain')
    expect(log).toEqual([])
    finish()
    await answer
    expect(await generation.exit()).toBe(0)
    expect(log).toEqual(['exit, 0 exits'])
  })

  test('a failing one makes the exit code 1', async () => {
    const { generation } = await serving()
    generation.handoff.onExit(() => Promise.reject(new Error('no database')))
    void generation.handoff.stop()
    expect(await generation.exit()).toBe(1)
    expect(generation.system.warnings.join()).toContain('no database')
  })

  test('one that hangs is left behind at the drain timeout', async () => {
    const { generation } = await serving({ drainTimeoutMs: 1_000 })
    generation.handoff.onExit(() => new Promise(() => {}))
    void generation.handoff.stop()
    await until('the hook runs', () => generation.handoff.metrics().stage === 'exit')
    generation.system.advance(1_000)
    expect(await generation.exit()).toBe(1)
  })

  test('run after a handoff as well', async () => {
    const { place, generation: old } = await serving()
    const log: string[] = []
    old.handoff.onExit(() => void log.push('closed'))
    await place.newPeer().takeOver()
    await old.told('drained')
    expect(log).toEqual([])
    old.system.advance(5_000)
    expect(await old.exit()).toBe(0)
    expect(log).toEqual(['closed'])
  })
})

describe('signals', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s stops in order, a second one forces', async (signal, code) => {
    const { generation, where, slow } = await serving()
    const { answer } = await slow()
    expect(generation.system.signal(signal)).toBe(true)
    await expect(ask(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(generation.system.exits).toEqual([])
    generation.system.signal(signal)
    expect(generation.system.exits).toEqual([code])
    answer.catch(() => {})
  })

  test('SIGTERM to a process that drains for its successor leaves the listeners alone', async () => {
    const { place, generation: old, path } = await serving()
    await place.newPeer().takeOver()
    await old.told('drained')
    old.system.signal('SIGTERM')
    expect(await old.exit()).toBe(0)
    expect(existsSync(path)).toBe(true)
    expect(existsSync(place.rendezvous)).toBe(true)
  })

  test('signals: false leaves them to the application', async () => {
    const { generation } = await serving({ signals: false })
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const) {
      expect(generation.system.signal(signal)).toBe(false)
    }
  })

  test('SIGUSR2 restarts, unless a supervisor owns restarts', async () => {
    const { generation } = await serving()
    expect(generation.system.signal('SIGUSR2')).toBe(true)
    expect(generation.system.children).toHaveLength(1)

    const place = openPlace()
    const supervised = await place.start({}, { HANDOFF_STATUS_INTERVAL_MS: '1000' })
    expect(supervised.system.signal('SIGUSR2')).toBe(false)
  })
})

describe('close: the application ends the handoff, not the process', () => {
  test("listeners, paths and the rendezvous go; signals are the application's again", async () => {
    const { place, generation, where } = await serving()
    generation.close()
    generation.handoff.release()
    await expect(ask(where)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(place.files).toEqual([])
    expect(generation.system.signal('SIGTERM')).toBe(false)
    expect(generation.system.die({ code: 0 })).toBe(false)
    expect(generation.system.pendingTimers).toBe(0)
    expect(generation.system.exits).toEqual([])
  })

  test('before ready, the old process serves on, is told, and keeps its paths', async () => {
    const { place, generation: old, path } = await serving()
    const next = await place.start()
    await next.listen({ path })
    next.close()
    next.handoff.release()
    expect(await old.told('aborted')).toMatchObject({ serving: 'old' })
    expect(await ask({ path })).toBe(String(old.system.pid))
    expect(next.system.exits).toEqual([])
    expect(next.system.pendingTimers).toBe(0)
  })
})

test('what failed to start leaves no handler behind', async () => {
  const { place } = await serving()
  await place.newPeer().receive()
  const second = place.generation()
  await expect(second.handoff.start()).rejects.toMatchObject({ code: 'ERR_HANDOFF_BUSY' })
  expect(second.system.die({ code: 1 })).toBe(false)
  expect(second.system.signal('SIGTERM')).toBe(false)
  expect(second.system.pendingTimers).toBe(0)
})
