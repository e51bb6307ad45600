// Why a connection ends in this process, where that is neither the client's doing nor the server's.

import type { Socket } from 'node:net'
import { transportOf } from '../../io/node/internals.ts'
import type { Fate } from '../../terms/fates.ts'

type Mark = 'closed' | 'forced' | 'away'

/** Filled by a drain alone: in steady state no connection is marked. */
const marks = new WeakMap<Socket, Mark>()

/** It was told to leave, or is closed although nothing is wrong with it. */
export function markClosed(socket: Socket): void {
  marks.set(transportOf(socket), 'closed')
}

/** The drain deadline cuts it. */
export function markForced(socket: Socket): void {
  marks.set(socket, 'forced')
}

/** It is on its way to another process, or there: the end of its socket here is no end of it. */
export function markAway(socket: Socket): void {
  marks.set(socket, 'away')
}

export function isAway(socket: Socket): boolean {
  return marks.get(socket) === 'away'
}

/** It stays after all. */
export function unmark(socket: Socket): void {
  marks.delete(socket)
}

/** How the end of a connection counts; undefined where it does not. */
export function fateOf(socket: Socket): Fate | undefined {
  const mark = marks.get(socket) ?? 'drained'
  return mark === 'away' ? undefined : mark
}
