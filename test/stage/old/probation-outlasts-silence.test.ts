// A new process that has stopped answering in its probation can be taken back from after it, too.

import { describe, expect, test } from 'vitest'
import { ask, whereIs } from '../support/clients.ts'
import type { FakeChild } from '../support/fake-system.ts'
import type { NewPeer } from '../support/peers.ts'
import { openPlace } from '../support/place.ts'

/** A new process that understands `alive`, after the commit. */
async function committed(options = {}) {
  const place = openPlace()
  const { generation: old, server } = await place.serve(options)
  const peer = place.newPeer()
  peer.accepts.push('alive')
  await peer.takeOver()
  await peer.hear('drained')
  return { place, old, server, peer }
}

/** Answers so many questions. */
async function answer(peer: NewPeer, questions: number): Promise<void> {
  for (let each = 0; each < questions; each++) {
    await peer.hear('alive')
    peer.say({ type: 'alive' })
  }
}

describe('the end of the probation', () => {
  test('comes with the answer of the new process', async () => {
    const { old, peer } = await committed()
    old.system.advance(5_000)
    // One question a second, and one at the end.
    await answer(peer, 5)
    await peer.hear('alive')
    expect(old.system.exits).toEqual([])
    peer.say({ type: 'alive' })
    expect(await old.exit()).toBe(0)
  })

  test('is put off while the new process is silent, which may still die', async () => {
    const { old, server, peer } = await committed()
    old.system.advance(5_000 + 29_000)
    expect(old.system.exits).toEqual([])
    peer.die()
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    old.system.advance(60_000)
    expect(old.system.exits).toEqual([])
  })

  test('is put off for the drain timeout at most', async () => {
    const { old } = await committed({ drainTimeoutMs: 20_000 })
    old.system.advance(5_000 + 20_000)
    expect(await old.exit()).toBe(0)
  })

  test('does not wait for an answer where there is no probation, or no question', async () => {
    const { old, peer } = await committed({ probationMs: 0 })
    old.system.advance(0)
    expect(await old.exit()).toBe(0)
    expect(peer.heard('alive')).toBeUndefined()
  })

  test('comes at a release, answered or not', async () => {
    const { old, peer } = await committed()
    old.system.advance(5_000)
    peer.say({ type: 'release' })
    expect(await old.exit()).toBe(0)
  })
})

test('two processes of this library: the old one leaves when the new one has answered', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const { generation: next, server } = await place.serve()
  await old.told('drained')
  old.system.advance(5_000)
  expect(await old.exit()).toBe(0)
  expect(await ask(whereIs(server))).toBe(String(next.system.pid))
})

describe('a replacement that this process has started itself', () => {
  async function restarted(flags: string[] = []) {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    old.system.command.flags = flags
    const restart = old.handoff.restart()
    const child = old.system.children[0] as FakeChild
    const peer = place.newPeer()
    peer.accepts.push('alive')
    await peer.takeOver()
    await restart
    await peer.hear('drained')
    return { old, server, peer, child }
  }

  test('is killed when it has not answered for 5 s, and this process takes back', async () => {
    const { old, server, peer, child } = await restarted()
    old.system.advance(5_999)
    expect(child.killed).toBe(false)
    old.system.advance(1)
    expect(child.killed).toBe(true)
    expect(old.all('warning').at(-1)?.message).toMatch(/said nothing for 5 s .* killed/)
    peer.die()
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
  })

  test('is not killed where a debugger may stop it', async () => {
    const { old, child } = await restarted(['--inspect'])
    old.system.advance(5_000)
    expect(child.killed).toBe(false)
  })
})

test('an unrelated process that is silent is not killed', async () => {
  const { old } = await committed()
  old.system.advance(10_000)
  expect(old.all('warning')).toEqual([])
})
