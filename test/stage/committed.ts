// An old process after its commit, in each of the states in which it can take back.

import type { Server } from 'node:net'
import type { HandoffOptions } from '../../packages/handoff/src/options.ts'
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

async function commit(busy: boolean, options: HandoffOptions): Promise<Committed> {
  const place = openPlace()
  const { generation: old, server } = await place.serve(options)
  const request = busy ? await old.inFlight(whereIs(server)) : undefined
  const peer = place.newPeer()
  await peer.takeOver()
  return { place, old, server, peer, request }
}

/** A request is in flight. */
export async function inDrain(options: HandoffOptions = {}): Promise<Committed> {
  return await commit(true, options)
}

/** Drained, and on probation. */
export async function inGuard(options: HandoffOptions = {}): Promise<Committed> {
  const committed = await commit(false, options)
  await committed.old.told('drained')
  return committed
}

/** Past its probation, with a request in flight. */
export async function inLinger(): Promise<Committed> {
  const committed = await inDrain()
  committed.old.system.advance(5_000)
  return committed
}
