// A mover knows one kind of connection: when it is quiescent, how it goes over, how it comes back.

import type { Socket } from 'node:net'
import type { Progress } from '../../io/native/many-connections.ts'

/** What a connection speaks, as far as a handoff is concerned; names are permanent (the wire). */
export type ConnectionKind = 'http' | 'websocket' | 'raw'

/** A connection that this process lets go of. Nothing here reads it any more. */
export interface Departing {
  /** Ours until one of the methods is called; whoever sends it does not close it. */
  readonly fd: number
  /** What the other process has to know of it, as JSON; each kind has its own. */
  readonly item: unknown
  /** The other process has it: this one forgets it. The descriptor is the caller's from now on. */
  gone(): void
  /** The other process never touched it: it is served here again, which takes the descriptor. */
  stay(): void
}

/** Where a connection stands between two requests. */
export interface Rest {
  progress: Progress
  /** What another process would have to know of it now. */
  item: unknown
}

/** The process that a connection came from, as long as it may have to take it back. */
export interface Origin {
  /** To be called when this process closes it or lets go of it. */
  onEnd(): void
  /** Whether `onRest` is to be called at all. */
  readonly wantsRests: boolean
  /** To be called when it has come to rest after it was used. */
  onRest(rest: Rest): void
}

/** A connection that another process let go of. */
export interface Arriving<Item = unknown> {
  /** Owned by whoever has this object. */
  readonly fd: number
  readonly item: Item
  /** Undefined where nobody is there to be told. */
  readonly origin?: Origin | undefined
}

export interface Mover {
  readonly kind: ConnectionKind
  /** Whether this process takes connections of this kind. */
  readonly adopts: boolean
  /** Connections of which the server does not know yet, because they have been silent here. */
  readonly parked: number
  /** Connections of the server that are on their way to another process. */
  readonly leaving: number
  /** Lets go of up to `limit` quiescent connections. */
  take(limit: number): Departing[]
  /** Nothing more goes over: what was silenced for it is served here. */
  settle(): void
  /** A connection of the server was destroyed. */
  ended(socket: Socket): void
  /**
   * Serves connections, and owns all of them from the call on.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when an item is not one of this kind; those
   * before it are served, it and those after it are closed.
   */
  adopt(arriving: readonly Arriving[]): void
  /**
   * A connection of this kind that was used in another process can be served here again.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when its item is not one of this kind.
   */
  checkItem?(item: unknown): void
  /** Nobody wants to know any more where connections come to rest. */
  ignoreRests?(): void
  /** Closes the quiescent connections: nothing is lost, and nobody is there to take them. */
  closeQuiescent(): void
  /** Closes what is parked. */
  close(): void
}
