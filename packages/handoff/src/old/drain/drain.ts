// Stage drain, old side: connections finish here or go over, before the deadline.

import type { Gate } from '../../connections/gate/gate.ts'
import type { Holdings } from '../../generation/holdings.ts'
import type { System, Timer } from '../../io/system/system.ts'
import type { Message, Messages } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import type { DrainCounts, Fates } from '../../terms/fates.ts'
import { HandOver } from './hand-over.ts'
import type { SlowStart } from './slow-start.ts'

export interface DrainHandlers {
  /** Whether an older process may still pass connections on to this one. */
  expectsConnections(): boolean
  /** No connection is left. */
  onDrained(fates: Fates): void
  /** The connections that were quiescent at the start have gone over. */
  onRest(): void
  onWarning(message: string): void
}

export class Drain {
  readonly #holdings: Holdings
  readonly #system: System
  readonly #timeoutMs: number
  readonly #handlers: DrainHandlers
  readonly #undoNotices: (() => void)[] = []
  #handOver: HandOver | undefined
  #deadline: Timer | undefined
  #mayWait = true
  #begun = false
  #ended = false

  constructor(holdings: Holdings, system: System, timeoutMs: number, handlers: DrainHandlers) {
    this.#holdings = holdings
    this.#system = system
    this.#timeoutMs = timeoutMs
    this.#handlers = handlers
  }

  /** Passes connections to the new process; undefined if that takes none. */
  get handOver(): HandOver | undefined {
    return this.#handOver
  }

  /** Whether this process has stopped accepting. */
  get hasBegun(): boolean {
    return this.#begun
  }

  /** Passes connections to the new process while the gates are open. What does not move stays as it is. */
  ramp(peer: Peer<'old'>, takes: Messages['ready']['takes'], slowStart: SlowStart): void {
    this.#handOver = this.#handOverTo(peer, takes)
    this.#handOver.start(slowStart)
  }

  /**
   * Begins, once the gates are shut. Quiescent connections go to the new process if it takes any;
   * without a successor they are closed.
   *
   * @param takes - the kinds of connections that the new process takes, by listener key.
   */
  start(peer: Peer<'old'> | undefined, takes: Messages['ready']['takes'] | undefined): void {
    this.#begun = true
    const ramped = this.#handOver
    const handOver = ramped ?? (peer && takes && this.#handOverTo(peer, takes))
    this.#handOver = handOver
    const moving = handOver?.stopped === false ? handOver : undefined
    for (const gate of this.#holdings.busy) this.#giveNotice(gate, moving?.covers(gate))
    if (handOver !== undefined) this.#dismiss(handOver)
    this.#deadline = this.#system.timer(this.#timeoutMs, () => this.#force())
    if (ramped === undefined) handOver?.start()
    this.check()
    if (handOver === undefined) this.#handlers.onRest()
  }

  /**
   * Call this when a gate has no connection left or was closed, when connections went over, or when no
   * more of them come from older processes.
   */
  check(): void {
    if (!this.#begun || this.#ended) return
    if (this.#holdings.connections > 0 || (this.#handOver?.pending ?? 0) > 0) return
    const mayWait = this.#mayWait && this.#handOver?.stopped === false
    if (mayWait && this.#handlers.expectsConnections()) return
    this.#end()
    this.#handlers.onDrained(this.#holdings.fates.latestDrain)
  }

  /** Ends with the last connection here, whatever older processes may still pass on: this process stops. */
  stopWaiting(): void {
    this.#mayWait = false
    this.check()
  }

  /** Passes no further connections to the new process: the rest finishes here. */
  stopHandOver(): void {
    const handOver = this.#handOver
    if (handOver === undefined || this.#ended) return
    handOver.stop()
    if (!this.#begun) return
    for (const gate of this.#holdings.busy) if (handOver.covers(gate)) this.#giveNotice(gate)
  }

  /** As {@link stopHandOver}, since the channel has ended. */
  endHandOver(): void {
    this.stopHandOver()
    this.#handOver?.end()
  }

  /** As {@link stopHandOver}, since the new process is not listened to any more. */
  ignoreAcks(): void {
    if (this.#ended) return
    this.stopHandOver()
    this.#handOver?.ignoreAcks()
    this.check()
  }

  /** Ends notices and deadline, since this process serves again. */
  cancel(): void {
    if (!this.#ended) this.#end()
  }

  #handOverTo(peer: Peer<'old'>, takes: Messages['ready']['takes']): HandOver {
    const { onRest, onWarning } = this.#handlers
    let began = true
    return new HandOver(peer, this.#holdings, takes, {
      // Secrets of TLS connections go to a process of the same user only, whoever else may take over.
      sendsSecrets: peer.uid === this.#system.uid,
      onChange: () => this.check(),
      onRest: () => {
        if (began) onRest()
        began = false
      },
      onError: (error) => {
        onWarning(`connections stay here until they end: ${error.message}`)
        this.stopHandOver()
      },
    })
  }

  /** @param moves - whether connections behind the gate that can move go over. */
  #giveNotice(gate: Gate, moves = false): void {
    const undo = gate.connections?.closeWithResponse(moves)
    if (undo !== undefined) this.#undoNotices.push(undo)
  }

  #dismiss(handOver: HandOver): void {
    for (const gate of this.#holdings.gates) {
      const undo = gate.connections?.closeWebSockets(this.#timeoutMs, handOver.kinds(gate))
      if (undo !== undefined) this.#undoNotices.push(undo)
    }
  }

  #force(): void {
    this.stopHandOver()
    this.#handOver?.force()
    for (const gate of this.#holdings.busy) gate.connections?.forceClose()
    // Each gate reports when its last connection has ended.
    this.check()
  }

  #end(): void {
    this.#ended = true
    this.#deadline?.cancel()
    this.#handOver?.end()
    for (const undo of this.#undoNotices.splice(0)) undo()
  }
}

/** Returns the message for the new process. Connections that were closed after notice count as drained. */
export function drainedMessage({ drained, handedOver, closed, forced }: DrainCounts): Message {
  return { type: 'drained', drained: drained + closed, handedOver, forced }
}
