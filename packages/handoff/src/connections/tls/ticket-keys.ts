// TLS session tickets: with the old process's keys the new one resumes what that began.

import type { Server } from 'node:net'
import tls from 'node:tls'
import { hasOwnTicketKeys } from '../../io/node/internals.ts'
import type { Gate } from '../gate/gate.ts'

/** 16 bytes of name, 16 of HMAC key, 16 of AES key (tls.Server.setTicketKeys). */
const keyBytes = 48

/** Listener key → ticket keys as base64. */
export type TicketKeys = Record<string, string>

/** The keys that came with a handoff, until the servers behind their listeners take them. */
export class ReceivedTicketKeys {
  readonly #keys = new Map<string, Buffer>()

  /**
   * Takes what {@link ticketKeysOf} gave in the old process.
   *
   * @throws TypeError; no text of a key gets into it.
   */
  take(keys: unknown): void {
    if (typeof keys !== 'object' || keys === null) throw new TypeError('they are not an object')
    for (const [listener, text] of Object.entries(keys)) {
      const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : undefined
      if (bytes?.length !== keyBytes) throw new TypeError(`they are not ${keyBytes} bytes`)
      this.#keys.set(listener, bytes)
    }
  }

  /** Gives the server the keys of its listener; one whose application chose its own keeps those. */
  giveTo(server: Server, receivedAs: string | undefined): void {
    const keys = receivedAs === undefined ? undefined : this.#keys.get(receivedAs)
    if (keys === undefined || !(server instanceof tls.Server) || hasOwnTicketKeys(server)) return
    server.setTicketKeys(keys)
  }
}

/** How ticket keys go over: as a state of our own, before the new process listens. */
export function ticketKeyState(gates: Iterable<Gate>, received: ReceivedTicketKeys) {
  return {
    when: 'start',
    isEmpty: () => Object.keys(ticketKeysOf(gates)).length === 0,
    export: () => ticketKeysOf(gates),
    import: (keys: unknown) => received.take(keys),
  } as const
}

/** The keys of every TLS server behind a gate. */
function ticketKeysOf(gates: Iterable<Gate>): TicketKeys {
  const keys: TicketKeys = {}
  for (const { held, ticketKeys } of gates) {
    if (ticketKeys !== undefined) keys[held.entry.key] = ticketKeys.toString('base64')
  }
  return keys
}
