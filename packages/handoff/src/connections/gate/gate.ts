// A gate stands between a listener and the server that uses it: open, the server accepts.

import type { HeldListener } from '../../io/listeners/held-listener.ts'
import type { ServerConnections } from '../server-connections.ts'
import type { FateCounter } from '../tracking/fate-counter.ts'

export interface Gate {
  /** The listener from which the server accepts. */
  readonly held: HeldListener
  /**
   * The connections of the server. Absent if the gate has none of its own: a datagram socket has no
   * connections, and those of a second listener are behind the gate of the first one.
   */
  readonly connections?: ServerConnections
  /** Whether the server has a listener for HTTP requests. */
  readonly answersRequests: boolean
  /**
   * Accepts from the listener, for the first time or again.
   *
   * @param held - a listener in place of the gate's own, if that was closed meanwhile.
   */
  open(held?: HeldListener): Promise<void>
  /** Stops accepting immediately. The listener stays open, and so do the connections. */
  shut(): void
}

export interface GateHandlers {
  /** Counts how connections end. */
  readonly fates: FateCounter
  /** Called before the application closes its server or socket. */
  onClose(gate: Gate): void
  /** Called when the last connection behind the gate has ended. */
  onEmpty(gate: Gate): void
  /** Called when a connection behind the gate may have become quiescent. */
  onQuiescent(gate: Gate): void
  /** Called when one connection behind the gate has failed, and the others have not. */
  onWarning(message: string): void
}
