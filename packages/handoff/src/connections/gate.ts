// A gate is what stands between a listener and the server that uses it: open, it accepts.

import type { Held } from '../io/listeners.ts'
import type { Mover } from './mover.ts'

export interface Gate {
  /** The listener that the gate is for. */
  readonly held: Held
  /** Connections that this process still serves behind this gate. */
  readonly connections: number
  /** Begins, or begins again, to accept from the listener. */
  open(): Promise<void>
  /** Accepts no more, at once. The listener stays open, and so do the connections. */
  shut(): void
  /** Tells the clients that their connection ends after what is under way; gives back its undo. */
  giveNotice(): () => void
  /** What the session tickets of a TLS server are sealed with. A secret. */
  readonly ticketKeys?: Buffer | undefined
  /** One for each kind of connection that can change process. */
  readonly movers: readonly Mover[]
  /** Closes the quiescent connections: nothing is lost, and nobody is there to take them. */
  closeQuiescent(): void
  /** Closes what is left, and tells how much that was. */
  force(): number
  /** Gives the gate another listener after its own was dropped. */
  reattach(held: Held): void
}

export interface GateHandlers {
  /** The application closed its server or socket itself. Called before it closes. */
  onClose(gate: Gate): void
  /** The last connection behind the gate has ended. */
  onEmpty(gate: Gate): void
  /** A connection behind the gate has come to rest. */
  onQuiescent(gate: Gate): void
}
