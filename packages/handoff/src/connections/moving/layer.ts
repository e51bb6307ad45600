// What lies between a mover and the connections of its server: nothing, or TLS.

import type { Server, Socket } from 'node:net'
import { isBelowTls } from '../../io/node/internals/tls.ts'
import type { CountedKind } from '../../terms/fates.ts'
import type { Sockets } from '../tracking/socket-set.ts'
import { adoptSocket, emitConnection } from './adopt-socket.ts'
import type { Arriving, Secrets } from './mover.ts'

/** A connection that arrived and has no socket yet. */
export interface Received {
  /** What an item of the connection has for the layer. */
  readonly itemFields: object
  /** Sends what ends the connection gracefully. The caller closes the descriptor then. */
  sayGoodbye(fd: number): void
  /** Another process has the connection. */
  forget(): void
}

/** The file with the secrets of one batch. */
export interface BatchSecrets {
  /**
   * Writes those of one more connection: of a socket of the application, or one that has none yet. The caller
   * becomes a holder of the file.
   *
   * @throws a system error.
   */
  add(connection: Socket | Received): Secrets
  /** Call this once, when the batch is complete. */
  end(): void
}

export interface Layer {
  /** Whether secrets come and go with the connections. */
  readonly secured: boolean
  /** The kind under which connections are counted, if that is not the kind of their mover. */
  readonly counted?: CountedKind
  /** Takes one descriptor of each batch. */
  readonly descriptors: number
  /** Returns those sockets of the server's HTTP/1.1 connections that the application has. */
  httpSockets(server: Server, sockets: Sockets): Sockets
  /** Returns whether each of these connections, which their mover finds quiescent, can leave now. */
  canLeave(sockets: readonly Socket[]): boolean[]
  /** Whether a connection can never leave. */
  stays(socket: Socket): boolean
  /** Returns what an item of the connection has for this layer. */
  fieldsOf(socket: Socket): object
  /**
   * As {@link Layer.fieldsOf}, for the process from which the connection came, and which may take it back.
   *
   * @param isWhole - whether what cannot change is there, too.
   */
  fieldsAtRest(socket: Socket, isWhole: boolean): object
  /** @returns undefined if connections have no secrets. */
  beginBatch(limit: number): BatchSecrets | undefined
  /** A connection that was on its way is served here again. */
  resume(socket: Socket): void
  /**
   * Reads what has come for this layer with a connection.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL. The caller still owns the descriptor.
   */
  receive(arriving: Pick<Arriving, 'item' | 'secrets'>): Received | undefined
  /**
   * Completes what the item of a rest has for this layer, by the item before.
   *
   * @throws as {@link Layer.receive}.
   */
  complete(item: object, before: unknown): object
  /** Makes a socket of a connection and counts it among the server's. Owns the descriptor. */
  adopt(server: Server, fd: number, received: Received | undefined): Socket
  /** Gives the server a connection, as if the server had accepted it. */
  emit(server: Server, socket: Socket): void
  /** Closes a quiescent connection. */
  close(socket: Socket): void
}

/** Nothing lies between: the application's socket is the connection itself, until the application begins TLS on it. */
export const plainLayer: Layer = {
  secured: false,
  descriptors: 0,
  httpSockets: (_, sockets) => sockets,
  // The new process would read the records of TLS, and would answer in clear text.
  canLeave: (sockets) => sockets.map((socket) => !isBelowTls(socket)),
  stays: () => false,
  fieldsOf: () => ({}),
  fieldsAtRest: () => ({}),
  beginBatch: () => undefined,
  resume: () => {},
  receive: () => undefined,
  complete: (item) => item,
  adopt: (server, fd) => adoptSocket(server, fd),
  emit: emitConnection,
  close: (socket) => void socket.destroy(),
}
