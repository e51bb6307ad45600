// Marks connections that this process ends, or hands over, with the reason.

import type { Socket } from 'node:net'
import { transportOf } from '../../io/node/internals/tls.ts'
import type { Fate } from '../../terms/fates.ts'
import { SocketFields } from './socket-fields.ts'

/** The client was asked to leave, or the connection is closed although nothing is wrong with it. */
export function markClosed(socket: Socket): void {
  SocketFields.setReason(transportOf(socket), 'closed')
}

/** The drain deadline cuts the connection. */
export function markForced(socket: Socket): void {
  SocketFields.setReason(transportOf(socket), 'forced')
}

/** The connection is on its way to another process: the end of its socket here does not count. */
export function markLeaving(socket: Socket): void {
  SocketFields.setReason(transportOf(socket), 'leaving')
}

/** Another process has the connection. */
export function markGone(socket: Socket): void {
  SocketFields.setReason(transportOf(socket), 'gone')
}

/** Whether another process has the connection, or may have it. */
export function isLeaving(socket: Socket): boolean {
  const reason = SocketFields.reasonOf(transportOf(socket))
  return reason === 'leaving' || reason === 'gone'
}

/** Whether another process has the connection. */
export function isGone(socket: Socket): boolean {
  return SocketFields.reasonOf(transportOf(socket)) === 'gone'
}

/** The connection stays in this process after all. */
export function clearReason(socket: Socket): void {
  SocketFields.setReason(transportOf(socket), undefined)
}

/** Returns how the end of a connection counts; undefined if it does not. */
export function fateOf(socket: Socket): Fate | undefined {
  const reason = SocketFields.reasonOf(socket) ?? 'drained'
  return reason === 'leaving' || reason === 'gone' ? undefined : reason
}
