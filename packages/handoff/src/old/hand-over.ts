// Stage drain, old side: connections go over, each as soon as it is quiescent.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Gate, QuiescentBatch } from '../connections/gate.ts'
import { HandoffError } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import { closeAll, type Wire } from '../io/wire.ts'
import { descriptorLimit } from '../protocol/codec.ts'
import type { Messages } from '../protocol/messages.ts'

/** As for listeners: bounded by what a user may have in flight (unix(7), ETOOMANYREFS). */
const batchesInFlight = 2

/** Node publishes it when a response has been handed to the kernel: its connection may be at rest. */
const responseFinished = 'http.server.response.finish'

/** A batch on its way, and the gate that it came from. */
interface Flight {
  gate: Gate
  batch: QuiescentBatch
}

export class HandOver {
  readonly #wire: Wire
  readonly #holdings: Holdings
  readonly #keys: ReadonlySet<string>
  readonly #onChange: () => void
  readonly #onError: (error: Error) => void
  /** Batches that the new process may not have yet. Their descriptors are ours until it says so. */
  readonly #inFlight: Flight[] = []
  #sent = 0
  #acked = 0
  #scheduled = false
  #stopped = false

  /** @param keys - of the listeners whose connections the new process takes. */
  constructor(
    wire: Wire,
    holdings: Holdings,
    keys: readonly string[],
    handlers: { onChange: () => void; onError: (error: Error) => void },
  ) {
    this.#wire = wire
    this.#holdings = holdings
    this.#keys = new Set(keys)
    this.#onChange = handlers.onChange
    this.#onError = handlers.onError
  }

  /** Sent, and not acked yet. */
  get pending(): number {
    return this.#sent - this.#acked
  }

  /** How many connections the new process has taken. */
  get handedOver(): number {
    return this.#acked
  }

  /** Whether it takes up no more connections. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Whether the connections behind this gate go over, so that they need no notice. */
  covers(gate: Gate): boolean {
    return gate.handsOver && this.#keys.has(gate.held.entry.key)
  }

  start(): void {
    subscribe(responseFinished, this.later)
    this.#pump()
  }

  /**
   * Notes that the new process has a batch: only now our descriptors of it are closed.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when it acks what was not sent.
   */
  ack({ received }: Messages['adopted']): void {
    const first = this.#inFlight.shift()?.batch.descriptors ?? []
    // Even a wrong ack says that it may have touched them: two processes must not read one stream.
    closeAll(first)
    if (first.length === 0 || received !== this.#acked + first.length) {
      throw new HandoffError(
        'ERR_HANDOFF_PROTOCOL',
        `cannot hand over connections: the peer acks ${received} of ${this.#sent} sent`,
        { stage: 'drain', serving: 'new' },
      )
    }
    this.#acked = received
    this.#pump()
    this.#onChange()
  }

  /** No more connections go over; those on the way still do. */
  stop(): void {
    this.#stopped = true
    unsubscribe(responseFinished, this.later)
  }

  /**
   * The channel is at its end. A batch without its ack was never touched by the new process, which
   * acks before it reads: so those connections are served here again.
   */
  close(): void {
    this.stop()
    for (const flight of this.#inFlight.splice(0)) serveAgain(flight)
    this.#sent = this.#acked
  }

  /** The kernel did not take a batch (ETOOMANYREFS, EMFILE): the rest stays here. */
  #fail(flight: Flight, error: Error): void {
    const index = this.#inFlight.indexOf(flight)
    if (index < 0) return
    this.#inFlight.splice(index, 1)
    this.#sent -= flight.batch.descriptors.length
    serveAgain(flight)
    this.#onError(error)
  }

  /** Looks for quiescent connections a turn later: a server learns of a finished response last. */
  readonly later = () => {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#stopped) return
    for (const gate of this.#holdings.gates) {
      if (!this.covers(gate)) continue
      while (this.#inFlight.length < batchesInFlight) {
        const batch = gate.takeQuiescent(descriptorLimit)
        const { descriptors, idleMs } = batch
        if (descriptors.length === 0) break
        this.#sent += descriptors.length
        const flight = { gate, batch }
        this.#inFlight.push(flight)
        const { key } = gate.held.entry
        this.#wire
          .send({ type: 'connections', key, idleMs }, descriptors)
          .catch((error: Error) => this.#fail(flight, error))
      }
    }
  }
}

function serveAgain({ gate, batch }: Flight): void {
  for (const fd of batch.descriptors) gate.adopt(fd, batch.idleMs)
}
