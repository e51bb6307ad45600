// What a listen of this process needs to know, whether it is of a server or of a datagram socket.

import type { Gate, GateHandlers } from '../../connections/gate/gate.ts'
import type { OptIns } from '../../connections/opt-ins.ts'
import type { ReceivedTicketKeys } from '../../connections/tls/ticket-keys.ts'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import type { Listeners } from '../../io/listeners/listeners.ts'
import type { System } from '../../io/system/system.ts'

export interface Adoption {
  listeners: Listeners
  system: System
  /** What the application lets change process, beside HTTP connections. */
  optIns: OptIns
  /** Whether servers may accept now, or wait for the commit. */
  accept(): boolean
  /** @throws {@link HandoffError} ERR_HANDOFF_LISTEN_STATE if no server may begin to listen now. */
  checkOpen(): void
  /**
   * Whether a server may listen without a descriptor: see {@link probeListener}. A program that imports
   * this package gets the error.
   */
  readonly mayProbe?: boolean
  /** Keeps the error with which a listen fails. */
  noteError(error: unknown): void
  /** Waits, if necessary, until an address that was given up here is free. */
  whenAddressFree(): Promise<void> | undefined
  /** The name of the next listener on port 0 that was given none. */
  nextName(): string
  /** The gates of this process. */
  gates: Set<Gate>
  ticketKeys: ReceivedTicketKeys
  handlers: GateHandlers
}

/** Keeps a listener that could not be used for the next request, or closes it if this process bound it. */
export function releaseHeld(held: HeldListener, { listeners }: Adoption): void {
  if (!listeners.unclaim(held)) listeners.drop(held, { unlink: true })
}
