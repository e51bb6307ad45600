// A gate is what stands between a listener and the server that uses it: open, it accepts.

import type { Held } from '../../io/listeners/held.ts'
import type { KindCounts } from '../../terms/fates.ts'
import type { ConnectionKind, Mover } from '../moving/mover.ts'
import type { Tally } from '../moving/tally.ts'

export interface Gate {
  /** The listener that the gate is for. */
  readonly held: Held
  /** The gate whose server accepts from this listener, too; it has the connections. */
  readonly joins?: Gate
  /** Connections that this process still serves behind this gate. */
  readonly connections: number
  /** By kind, without those that another process has by now. */
  readonly kinds: KindCounts
  /** Begins, or begins again, to accept from the listener. */
  open(): Promise<void>
  /** Accepts no more, at once. The listener stays open, and so do the connections. */
  shut(): void
  /** Tells the clients that their connection ends after what is under way; gives back its undo. */
  giveNotice(): () => void
  /**
   * Tells WebSockets that do not go over to connect again, one by one within the drain time.
   *
   * @param kinds - the kinds of connections that go over.
   * @returns the undo, for whoever was not told yet.
   */
  dismiss(drainMs: number, kinds: readonly ConnectionKind[]): () => void
  /** What the session tickets of a TLS server are sealed with. A secret. */
  readonly ticketKeys?: Buffer | undefined
  /** One for each kind of connection that can change process. */
  readonly movers: readonly Mover[]
  /**
   * Closes the quiescent connections: nothing is lost, and nobody is there to take them. WebSockets
   * are told to connect again, one by one and well within the drain time.
   */
  closeQuiescent(drainMs: number): void
  /** Closes what is left. */
  force(): void
  /** Gives the gate another listener after its own was dropped. */
  reattach(held: Held): void
  /** A gate for one more listener of the same server; absent where a server can have but one. */
  join?(held: Held): Gate
}

export interface GateHandlers {
  /** Where the ends of connections are counted. */
  readonly tally: Tally
  /** The application closed its server or socket itself. Called before it closes. */
  onClose(gate: Gate): void
  /** The last connection behind the gate has ended. */
  onEmpty(gate: Gate): void
  /** A connection behind the gate has come to rest. */
  onQuiescent(gate: Gate): void
  /** Something went wrong with a connection behind the gate, and only with that. */
  onWarning(message: string): void
}
