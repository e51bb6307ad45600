// A new process, and an old one by hand with listeners to offer.

import { expect, onTestFinished } from 'vitest'
import { bindTcp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close, describe } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { HandoffErrorCode } from '../../../packages/handoff/src/terms/errors.ts'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import type { Offer } from './peers.ts'
import { type Generation, openPlace, type Place } from './place.ts'

/** What the test itself holds open as the old process. */
export function owned(fd: number): number {
  onTestFinished(() => close(fd))
  return fd
}

/** A listening socket to offer; what it claims to be may be something else. */
export function listener(entry: Partial<Offer['entry']> = {}): Offer {
  const fd = owned(bindTcp({ address: '127.0.0.1', port: 0 }))
  return offerOf(fd, entry)
}

export function offerOf(fd: number, entry: Partial<Offer['entry']> = {}): Offer {
  const { address, port, ipv6Only } = describe(fd)
  const key = `tcp:${address}:${port}`
  return { entry: { key, protocol: 'tcp', address, port, ipv6Only, ...entry }, fd }
}

export function begin(place: Place = openPlace(), options: HandoffOptions = {}) {
  const old = place.oldPeer()
  const next = place.generation({ readyTimeoutMs: 1_000, ...options })
  const started = next.handoff.start()
  started.catch(() => {})
  return { place, old, next, started }
}

/** It gave up: typed, told to everyone, and nothing of the old process is left open in it. */
export async function gaveUp(
  next: Generation,
  started: Promise<void>,
  stage: string,
  code: HandoffErrorCode,
): Promise<void> {
  expect(await next.told('aborted')).toMatchObject({ code, stage, serving: 'old' })
  const fields = { code, stage, serving: 'old' }
  await expect(next.handoff.ready()).rejects.toMatchObject(fields)
  if (stage === 'discover' || stage === 'receive') {
    // Whoever creates the handoff is told, and decides.
    await expect(started).rejects.toMatchObject(fields)
    expect(next.system.exits).toEqual([])
  } else expect(next.system.exits).toEqual([1])
}
