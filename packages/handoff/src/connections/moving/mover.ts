// A mover knows one kind of connection: when it is quiescent, how it leaves, how it arrives.

import type { Socket } from 'node:net'
import type { Progress } from '../../io/native/many-connections.ts'
import type { SecretsFile } from '../../io/native/tls-secrets.ts'
import type { CountedKind } from '../../terms/fates.ts'
import type { Pace } from './pace.ts'

/** Where the TLS secrets of a connection are. */
export interface Secrets {
  /** The holder of the connection is a holder of the file, unless the text says otherwise. */
  readonly file: SecretsFile
  readonly index: number
}

/** A quiescent connection on its way to another process. This process no longer reads from it. */
export interface Departing {
  /** Owned by this process until one of the methods is called. Its sender does not close it. */
  readonly fd: number
  /** What the other process needs to know, as JSON. Each kind has its own form. */
  readonly item: unknown
  /** Only of TLS connections. All of a batch are in one file, in order. Its sender releases them in the end. */
  readonly secrets?: Secrets | undefined
  /** The other process has the connection: forgets it. The caller owns the descriptor from now on. */
  complete(): void
  /** The other process never touched the connection: serves it here again. Takes the descriptor. */
  serveAgain(): void
}

/** A quiescent state of a connection that was used after it had been handed over. */
export interface Rest {
  progress: Progress
  /** What another process would have to know now. */
  item: unknown
}

/** The process from which a connection came, as long as it may have to take it back. */
export interface Origin {
  /** Call this when this process closes the connection or hands it over. */
  onEnd(): void
  /** Whether `onRest` is to be called. */
  readonly wantsRests: boolean
  /** Whether the item of a rest has what cannot change as well: that process is of an earlier release. */
  readonly wantsWholeItems: boolean
  /** Call this when the connection is quiescent again after it was used. */
  onRest(rest: Rest): void
}

/** A connection that another process has handed over. */
export interface Arriving<Item = unknown> {
  /** Owned by the holder of this object. */
  readonly fd: number
  readonly item: Item
  /** Only of TLS connections. The caller releases the file, after the connection is adopted. */
  readonly secrets?: Secrets | undefined
  /** Undefined if no other process keeps a descriptor of the connection. */
  readonly origin?: Origin | undefined
}

/** Connections that wait for their next request as bare descriptors, without a socket object. */
export interface Parked {
  readonly size: number
  /** Closes all of them. */
  close(): void
  /** Closes those that `server.closeIdleConnections()` would close if they had sockets. */
  closeIdle(): void
  /** Makes a socket of each of them, which the server treats like any other. */
  unpark(): void
}

/** What the two sides of a handoff use. */
export interface Mover {
  /** What the connections speak. Its name is on the wire, and so permanent. */
  readonly kind: CountedKind
  /** The kind under which its connections are counted, if that is another. */
  readonly counted?: CountedKind
  /** Whether its connections are TLS connections, so that secrets come with them. */
  readonly secured: boolean
  /** Whether this process takes connections of this kind. */
  readonly adopts: boolean
  /**
   * Takes up to `limit` quiescent connections away from this process.
   *
   * @param pace - limits how many of them are busy ones; those that have been silent for a while come first.
   */
  take(limit: number, pace?: Pace): Departing[]
  /** Calls {@link Departing.complete} of a whole batch. Only of kinds that come by the thousand. */
  complete?(batch: readonly Departing[]): void
  /** How many connections one batch has at most, if it has to be small. */
  readonly batchSize?: number
  /**
   * Serves connections, and owns all of them from the call on.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if an item is not one of this kind. The
   * connections before it are served; it and those after it are closed.
   */
  adopt(arriving: readonly Arriving[]): void
  /** Only of kinds that park connections. */
  readonly parking?: Parked
  /**
   * Completes an item of a connection that was used by the new process. Only of kinds whose connections
   * can be taken back after that.
   *
   * @param before - its item before, which has what cannot change.
   * @returns all that {@link Mover.adopt} needs.
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if the item is not one of this kind.
   */
  completeItem?(item: unknown, before: unknown): unknown
}

/** What a mover does besides, as the connections of its server come and go. All of it is optional. */
export interface ServerMover extends Mover {
  /** Connections that are on their way to another process and still have a socket here. */
  readonly leaving?: number
  /** The server has a new connection. Runs for each of them: allocates nothing. */
  onConnection?(socket: Socket): void
  /** A connection of the server was destroyed. */
  onEnd?(socket: Socket): void
  /** Closes quiescent connections that no process takes. No client loses anything. */
  closeQuiescent?(): void
  /** No more connections are taken, until {@link Mover.take} is called again. */
  stopTaking?(): void
  /** No process needs to know any more when connections are quiescent. */
  stopRestReports?(): void
  /** Leaves the server as it was. */
  detach?(): void
}

/** Returns the kind under which the connections of a mover are counted. */
export function countedKind({ kind, counted }: Pick<Mover, 'kind' | 'counted'>): CountedKind {
  return counted ?? kind
}
