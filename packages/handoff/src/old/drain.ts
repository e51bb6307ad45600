// Stage drain, old side: what is under way finishes here or goes over, within its deadline.

import type { Gate } from '../connections/gate/gate.ts'
import type { Holdings } from '../generation/holdings.ts'
import type { Wire } from '../io/channel/wire.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { Message, Messages } from '../protocol/messages.ts'
import type { DrainCounts, Fates } from '../terms/fates.ts'
import { HandOver } from './hand-over.ts'

export interface DrainHandlers {
  /** Nothing is under way any more. */
  onDrained(fates: Fates): void
  /** All that was at rest at the begin has gone over: the supervisor may want to hear how many. */
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
  #ended = false

  constructor(holdings: Holdings, system: System, timeoutMs: number, handlers: DrainHandlers) {
    this.#holdings = holdings
    this.#system = system
    this.#timeoutMs = timeoutMs
    this.#handlers = handlers
  }

  /**
   * The gates are shut already. Connections at rest go to the new process, if it takes any; without
   * a successor they are closed.
   *
   * @param takes - the kinds of connections that the new process takes, by listener key.
   */
  start(wire: Wire | undefined, takes: Messages['ready']['takes'] | undefined): void {
    const handOver = wire && takes && this.#handOverBy(wire, takes)
    this.#handOver = handOver
    this.#giveNotice((gate) => !handOver?.covers(gate))
    if (handOver !== undefined) this.#dismiss(handOver)
    this.#deadline = this.#system.timer(this.#timeoutMs, () => this.#force())
    handOver?.start()
    this.check()
    if (handOver === undefined) this.#handlers.onRest()
  }

  /** Tell it that a gate has no connection left or went away, or that connections went over. */
  check(): void {
    if (this.#ended || this.#holdings.connections > 0 || (this.#handOver?.pending ?? 0) > 0) return
    this.#end()
    this.#handlers.onDrained(this.#holdings.fates.latestDrain)
  }

  /** The new process takes no more connections: what is left finishes here. */
  stopHandOver(): void {
    const handOver = this.#handOver
    if (handOver === undefined || this.#ended) return
    handOver.stop()
    this.#giveNotice((gate) => handOver.covers(gate))
  }

  /** The new process is gone. */
  endHandOver(): void {
    this.stopHandOver()
    this.#handOver?.close()
  }

  /** A connection of this process has come to rest. */
  look(): void {
    this.#handOver?.later()
  }

  /** Whether connections that arrive here still go on to the new process. */
  get handsOver(): boolean {
    return !this.#ended && this.#handOver !== undefined && !this.#handOver.stopped
  }

  /** The new process has closed connections, or handed them on. */
  end(message: Messages['ended']): void {
    this.#handOver?.end(message)
  }

  /** Connections came to rest in the new process. */
  rest(message: Messages['rested']): void {
    this.#handOver?.rest(message)
  }

  /** Nobody takes back from the new process any more. */
  forget(): void {
    this.#handOver?.forget()
  }

  /** The new process died: connections that it left at rest are served here again. */
  takeBack(): { back: number; closed: number } {
    return this.#handOver?.takeBack() ?? { back: 0, closed: 0 }
  }

  /** The new process has a batch of connections. */
  ack(message: Messages['adopted']): void {
    this.#handOver?.ack(message)
  }

  /** This process serves again: no more notices, no deadline. */
  cancel(): void {
    if (!this.#ended) this.#end()
  }

  #handOverBy(wire: Wire, takes: Messages['ready']['takes']): HandOver {
    const { onRest, onWarning } = this.#handlers
    let began = true
    return new HandOver(wire, this.#holdings, takes, {
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

  #giveNotice(filter: (gate: Gate) => boolean): void {
    for (const gate of this.#holdings.busy) {
      const undo = filter(gate) ? gate.connections?.closeWithResponse() : undefined
      if (undo !== undefined) this.#undoNotices.push(undo)
    }
  }

  #dismiss(handOver: HandOver): void {
    for (const gate of this.#holdings.gates) {
      const undo = gate.connections?.closeWebSockets(this.#timeoutMs, handOver.kinds(gate))
      if (undo !== undefined) this.#undoNotices.push(undo)
    }
  }

  #force(): void {
    this.endHandOver()
    for (const gate of this.#holdings.busy) gate.connections?.forceClose()
    // Each gate tells when its last connection is gone.
    this.check()
  }

  #end(): void {
    this.#ended = true
    this.#deadline?.cancel()
    this.#handOver?.close()
    for (const undo of this.#undoNotices.splice(0)) undo()
  }
}

/** The new process is told less: what was told to leave has ended by itself. */
export function drainedMessage({ drained, handedOver, closed, forced }: DrainCounts): Message {
  return { type: 'drained', drained: drained + closed, handedOver, forced }
}
