// A mover knows one kind of connection: when it is quiescent, how it goes over, how it comes back.

/** What a connection speaks, as far as a handoff is concerned; names are permanent (the wire). */
export type ConnectionKind = 'http' | 'websocket' | 'raw'

/** A connection between two processes. */
export interface Moving {
  /** Owned by whoever has this object. */
  fd: number
  /** What the other process has to know of it, as JSON; each kind has its own. */
  item: unknown
}

export interface Mover {
  readonly kind: ConnectionKind
  /** Connections of which the server does not know yet, because they have been silent here. */
  readonly parked: number
  /** Lets go of up to `limit` quiescent connections; the caller owns them. */
  take(limit: number): Moving[]
  /**
   * Serves a connection that another process let go of, or that this one took back. Owns it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when its item is not one of this kind.
   */
  adopt(moving: Moving): void
  /** Closes the quiescent connections: nothing is lost, and nobody is there to take them. */
  closeQuiescent(): void
  /** Closes what is parked, and tells how much that was. */
  close(): number
}
