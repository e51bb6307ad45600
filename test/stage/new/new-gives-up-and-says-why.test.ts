// Before the commit the new process gives up where anything is wrong, and everybody is told why.

import { describe, expect, test } from 'vitest'
import type { HandoffErrorCode } from '../../../packages/handoff/src/terms/errors.ts'
import { begin, gaveUp, listener } from '../support/offers.ts'
import type { OldPeer } from '../support/peers.ts'
import type { Generation } from '../support/place.ts'
import { openedSince, openSockets } from '../support/sockets.ts'

/** How far the old process comes before it fails. */
const progress: Record<string, (old: OldPeer, next: Generation) => Promise<unknown>> = {
  discover: async (old) => (await old.peer()).hear('hello'),
  receive: async (old, next) => {
    const offer = listener()
    const peer = await old.offer([offer, old.rendezvous])
    peer.say({ type: 'listeners', first: 0 }, [offer.fd])
    await next.reaches('receive')
  },
  adopt: async (old, next) => {
    await old.send([listener(), old.rendezvous])
    await next.reaches('adopt')
  },
  ready: async (old, next) => {
    const peer = await old.send([listener(), old.rendezvous])
    await next.reaches('adopt')
    void next.handoff.ready().catch(() => {})
    await peer.hear('ready')
  },
}

describe.each(Object.entries(progress))(
  'in %s, the new process gives up when',
  (stage, advance) => {
    test('the old one gives up', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      peer.say({
        type: 'abort',
        code: 'ERR_HANDOFF_STOPPING',
        reason: 'cannot hand over: it stops',
      })
      await gaveUp(next, started, stage, 'ERR_HANDOFF_STOPPING')
      expect((await peer.end()).map(({ type }) => type)).not.toContain('abort')
    })

    test('the old one says what is no message, with descriptors on it', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      const before = openSockets()
      peer.blurt(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), [old.rendezvous.fd])
      await gaveUp(next, started, stage, 'ERR_HANDOFF_PROTOCOL')
      expect((await peer.end()).at(-1)).toMatchObject({
        type: 'abort',
        code: 'ERR_HANDOFF_PROTOCOL',
      })
      expect(openedSince(before)).toEqual([])
    })

    test('the old one says something out of turn', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      const peer = await old.peer()
      peer.say({ type: 'drained', drained: 0, handedOver: 0, forced: 0 })
      await gaveUp(next, started, stage, 'ERR_HANDOFF_PROTOCOL')
    })

    test('the old one says nothing more', async () => {
      const { old, next, started } = begin()
      await advance(old, next)
      // A second for all up to ready; ten for the commit.
      next.system.advance(stage === 'ready' ? 9_999 : 999)
      expect(next.all('aborted')).toEqual([])
      next.system.advance(1)
      await gaveUp(next, started, stage, 'ERR_HANDOFF_TIMEOUT')
      const heard = await (await old.peer()).end()
      expect(heard.at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_TIMEOUT' })
    })
  },
)

describe.each(['adopt', 'ready'])('in %s, the new process gives up when', (stage) => {
  async function advance() {
    const { old, next, started } = begin()
    await (progress[stage] as (typeof progress)[string])(old, next)
    return { peer: await old.peer(), next, started }
  }

  test('its application says that it failed', async () => {
    const { peer, next, started } = await advance()
    const cause = new Error('no database')
    next.handoff.abort(cause)
    await gaveUp(next, started, stage, 'ERR_HANDOFF_APP_FAILED')
    await expect(next.handoff.ready()).rejects.toMatchObject({ cause })
    const heard = (await peer.end()).at(-1)
    expect(heard).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_APP_FAILED' })
    expect(JSON.stringify(heard)).toContain('no database')
    expect(next.system.warnings.join()).toContain('no database')
  })

  test.each<[HandoffErrorCode, Parameters<Generation['system']['die']>[0]]>([
    ['ERR_HANDOFF_APP_FAILED', { code: 1, exception: { error: new Error('no database') } }],
    ['ERR_HANDOFF_EXITED', { code: 3 }],
  ])('it dies: %s', async (code, death) => {
    const { peer, next } = await advance()
    next.system.die(death)
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code })
    expect(next.all('aborted')).toMatchObject([{ code, serving: 'old' }])
    expect([next.system.exits, next.system.warnings], 'it dies as it does without us').toEqual([
      [],
      [],
    ])
  })

  test('it is told to stop', async () => {
    const { peer, next } = await advance()
    void next.handoff.stop()
    expect((await peer.end()).at(-1)).toMatchObject({ type: 'abort', code: 'ERR_HANDOFF_STOPPING' })
    expect(next.all('aborted')).toMatchObject([{ code: 'ERR_HANDOFF_STOPPING', serving: 'old' }])
    expect(await next.exit()).toBe(1)
  })
})

test('a program that forgets ready is told so', async () => {
  const { old, next, started } = begin()
  await (progress.adopt as (typeof progress)[string])(old, next)
  next.system.advance(1_000)
  await gaveUp(next, started, 'adopt', 'ERR_HANDOFF_TIMEOUT')
  const message =
    'cannot take over: the program was not ready within 1 s: it has not called handoff.ready()'
  expect(next.all('aborted')).toMatchObject([{ message }])
  expect(next.system.warnings.join()).toContain(
    'Call it when the program can serve (the Fastify plugin does so after listen and healthCheck)',
  )
})

test('a program of which the preload decides when it is ready need not call it', async () => {
  const { old, next, started } = begin()
  await (progress.adopt as (typeof progress)[string])(old, next)
  next.handoff.explainDelay(() => undefined)
  next.system.advance(1_000)
  await gaveUp(next, started, 'adopt', 'ERR_HANDOFF_TIMEOUT')
  expect(next.all('aborted')[0]?.message).toBe(
    'cannot take over: the program was not ready within 1 s',
  )
})

test('a listen that failed is told as what it was, when the process ends by it', async () => {
  const { old, next } = begin()
  const taken = listener()
  await old.send([old.rendezvous])
  await next.reaches('adopt')
  const error = await next
    .listen({ host: '127.0.0.1', port: taken.entry.port })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'EADDRINUSE' })
  next.system.die({ code: 1, exception: { error } })
  expect((await (await old.peer()).end()).at(-1)).toMatchObject({
    type: 'abort',
    code: 'ERR_HANDOFF_LISTEN_FAILED',
  })
})

test('a refusal reaches whoever creates the handoff, as its own type and words', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  await peer.hear('hello')
  peer.say({ type: 'refuse', code: 'ERR_HANDOFF_PEER_DENIED', reason: 'cannot hand over: no' })
  await gaveUp(next, started, 'discover', 'ERR_HANDOFF_PEER_DENIED')
  await expect(started).rejects.toThrow('cannot hand over: no')
})

test('a code of a later release is no reason to believe that nothing happened', async () => {
  const { old, next, started } = begin()
  const peer = await old.peer()
  await peer.hear('hello')
  peer.say({ type: 'refuse', code: 'ERR_HANDOFF_TIRED', reason: 'cannot hand over: tired' })
  await gaveUp(next, started, 'discover', 'ERR_HANDOFF_PEER_GONE')
})
