// Marks connections that this process ends, or hands over, with the reason.

import type { Socket } from 'node:net'
import { transportOf } from '../../io/node/internals/tls.ts'
import type { Fate } from '../../terms/fates.ts'

type EndReason = 'closed' | 'forced' | 'leaving'

/** Filled during a drain only: in steady state no connection has a reason. */
const reasons = new WeakMap<Socket, EndReason>()

/** The client was asked to leave, or the connection is closed although nothing is wrong with it. */
export function markClosed(socket: Socket): void {
  reasons.set(transportOf(socket), 'closed')
}

/** The drain deadline cuts the connection. */
export function markForced(socket: Socket): void {
  reasons.set(socket, 'forced')
}

/** Another process gets the connection, or has it: the end of its socket here does not count. */
export function markLeaving(socket: Socket): void {
  reasons.set(socket, 'leaving')
}

export function isLeaving(socket: Socket): boolean {
  return reasons.get(socket) === 'leaving'
}

/** The connection stays in this process after all. */
export function clearReason(socket: Socket): void {
  reasons.delete(socket)
}

/** Returns how the end of a connection counts; undefined if it does not. */
export function fateOf(socket: Socket): Fate | undefined {
  const reason = reasons.get(socket) ?? 'drained'
  return reason === 'leaving' ? undefined : reason
}
