// An old process after its commit, in each of the states in which it can take back.

import type { Server } from 'node:net'
import { expect } from 'vitest'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { whereIs } from './clients.ts'
import type { NewPeer } from './peers.ts'
import { type Generation, type InFlight, openPlace, type Place } from './place.ts'

export interface Committed {
  place: Place
  old: Generation
  server: Server
  /** The new process: it took every listener and no connection. */
  peer: NewPeer
  request: InFlight | undefined
}

/** What a test says of the old process, and of the new one. */
export interface CommitOptions extends HandoffOptions {
  /** Whether the new process knows the mark; it then serves when it says so there. */
  mark?: boolean
  /** What else it knows. */
  accepts?: readonly string[]
}

async function commit(busy: boolean, options: CommitOptions): Promise<Committed> {
  const { mark = false, accepts = [], ...settings } = options
  const place = openPlace()
  const { generation: old, server } = await place.serve(settings)
  const request = busy ? await old.inFlight(whereIs(server)) : undefined
  const peer = place.newPeer()
  if (mark) peer.accepts.push('mark')
  peer.accepts.push(...accepts)
  await peer.takeOver()
  return { place, old, server, peer, request }
}

/** A request is in flight. */
export async function inDrain(options: CommitOptions = {}): Promise<Committed> {
  return await commit(true, options)
}

/** Drained, and on probation. */
export async function inGuard(options: CommitOptions = {}): Promise<Committed> {
  const committed = await commit(false, options)
  await committed.old.told('drained')
  return committed
}

/** Past its probation, with a request in flight. */
export async function inLinger(options: CommitOptions = {}): Promise<Committed> {
  const committed = await inDrain(options)
  if (options.mark) committed.peer.leave('serves')
  committed.old.system.advance(5_000)
  return committed
}

/** Both processes accept. A request is in flight, so that the ramp does not end by itself. */
export async function inRamp(options: CommitOptions = {}): Promise<Committed> {
  const accepts = ['ramp', ...(options.accepts ?? [])]
  const committed = await commit(true, { rampMs: 3_000, mark: true, ...options, accepts })
  expect(committed.old.handoff.metrics().stage).toBe('ramp')
  return committed
}
