// Moves the keys of TLS session tickets: with them the new process resumes sessions of the old one.

import type { Server } from 'node:net'
import { isTlsServer } from '../../io/node/builtins.ts'
import { hasOwnTicketKeys } from '../../io/node/internals/tls.ts'

/** 16 bytes of name, 16 of HMAC key, 16 of AES key (tls.Server.setTicketKeys). */
const keyBytes = 48

/** Listener key → ticket keys as base64. */
export type TicketKeys = Record<string, string>

/** The keys that came with a handoff, for the servers that listen where the old ones did. */
export class ReceivedTicketKeys {
  readonly #keys = new Map<string, Buffer>()

  /**
   * Takes what {@link ticketKeysOf} returned in the old process.
   *
   * @throws TypeError if they are malformed; its text contains no part of a key.
   */
  take(keys: unknown): void {
    if (typeof keys !== 'object' || keys === null) throw new TypeError('they are not an object')
    for (const [listener, text] of Object.entries(keys)) {
      const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : undefined
      if (bytes?.length !== keyBytes) throw new TypeError(`they are not ${keyBytes} bytes`)
      this.#keys.set(listener, bytes)
    }
  }

  /** Gives a server the keys of its listener, unless its application has chosen other keys. */
  giveTo(server: Server, receivedAs: string | undefined): void {
    const keys = receivedAs === undefined ? undefined : this.#keys.get(receivedAs)
    if (keys === undefined || !isTlsServer(server) || hasOwnTicketKeys(server)) return
    server.setTicketKeys(keys)
  }
}

/** A gate with what is read from it here. */
interface Source {
  readonly held: { readonly entry: { readonly key: string } }
  readonly connections?: { readonly ticketKeys: Buffer | undefined }
}

/** Moves ticket keys as a state of this package, before the new process listens. */
export function ticketKeyState(gates: Iterable<Source>, received: ReceivedTicketKeys) {
  return {
    when: 'start',
    isEmpty: () => Object.keys(ticketKeysOf(gates)).length === 0,
    export: () => ticketKeysOf(gates),
    import: (keys: unknown) => received.take(keys),
  } as const
}

/** Returns the keys of every TLS server, by listener. */
function ticketKeysOf(gates: Iterable<Source>): TicketKeys {
  const keys: TicketKeys = {}
  for (const { held, connections } of gates) {
    const ticketKeys = connections?.ticketKeys
    if (ticketKeys !== undefined) keys[held.entry.key] = ticketKeys.toString('base64')
  }
  return keys
}
