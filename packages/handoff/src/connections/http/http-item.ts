// What the new process needs to know of an HTTP/1.1 connection.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HandoffError } from '../../terms/errors.ts'

export interface HttpItem {
  /** How long the connection may stay silent, in milliseconds; 0 = for ever. */
  idleMs: number
  /** How many requests were made: 0 = none yet; absent = some, and they are not counted. */
  requests?: number
  /** Of a connection over TLS. Its layer reads that. */
  tls?: unknown
}

/**
 * Checks an item. Makes no copy: thousands come at once.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL
 */
export function checkHttpItem(item: unknown): asserts item is HttpItem {
  const { idleMs, requests } = (item ?? {}) as Partial<HttpItem>
  if (Number.isSafeInteger(idleMs) && (idleMs as number) >= 0 && requests === undefined) return
  if (!isCount(idleMs)) {
    throw mismatch('its idleMs is not a number of milliseconds')
  }
  if (requests !== undefined && !isCount(requests)) throw mismatch('its requests is not a number')
}

/** Whether no request was made on the connection: to a server that is not idle, but new. */
export function isUnspoken({ requests }: HttpItem): boolean {
  return requests === 0
}

/**
 * Returns how long a connection may stay silent.
 *
 * @param left - the remaining time of its socket's timer, in milliseconds.
 */
export function idleMs(server: Server, left: number | undefined): number {
  return left ?? whole(server.keepAliveTimeout)
}

/**
 * Returns how long a connection without a request may still stay silent.
 *
 * @remarks Node.js counts that from the beginning of the connection, where it cannot be read. So the
 * connection gets the whole time again.
 */
export function unspokenMs(server: Server, left: number | undefined): number {
  const times = [server.headersTimeout, server.requestTimeout, left ?? 0].map(whole)
  const ends = times.filter((ms) => ms > 0)
  return ends.length === 0 ? 0 : Math.min(...ends)
}

export function isNew(socket: Socket): boolean {
  return socket.bytesRead === 0
}

function whole(ms: number): number {
  return Number.isFinite(ms) ? Math.ceil(ms) : 0
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function mismatch(reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_PROTOCOL', `cannot adopt a connection: ${reason}`)
}
