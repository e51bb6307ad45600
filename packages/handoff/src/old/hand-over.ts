// Stage drain, old side: connections go over, each as soon as it is quiescent.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Gate } from '../connections/gate/gate.ts'
import { responseFinished } from '../connections/http/rest-reporter.ts'
import type { Departing, Mover } from '../connections/moving/mover.ts'
import type { Holdings } from '../generation/holdings.ts'
import { closeAll, type Wire } from '../io/channel/wire.ts'
import { type Progress, readProgress } from '../io/native/many-connections.ts'
import { descriptorLimit } from '../protocol/codec.ts'
import type { Messages } from '../protocol/messages.ts'
import { HandoffError } from '../terms/errors.ts'
import type { CountedKind } from '../terms/fates.ts'
import { DepartedConnections } from './departed.ts'
import { batchesInFlight } from './send.ts'

/** A batch on its way, and the mover that it came from. */
interface Flight {
  mover: Mover
  batch: Departing[]
  /** Where each connection of the batch stands. */
  progress: (Progress | undefined)[]
}

export class HandOver {
  readonly #wire: Wire
  readonly #holdings: Holdings
  readonly #takes: Messages['ready']['takes']
  readonly #onChange: () => void
  readonly #onRest: () => void
  readonly #onError: (error: Error) => void
  /** Batches that the new process may not have yet. Their descriptors are ours until it says so. */
  readonly #inFlight: Flight[] = []
  readonly #departed = new DepartedConnections()
  #acked = 0
  #scheduled = false
  #stopped = false

  /** @param takes - the kinds of connections that the new process takes, by listener key. */
  constructor(
    wire: Wire,
    holdings: Holdings,
    takes: Messages['ready']['takes'],
    handlers: { onChange: () => void; onRest: () => void; onError: (error: Error) => void },
  ) {
    this.#wire = wire
    this.#holdings = holdings
    this.#takes = takes
    this.#onChange = handlers.onChange
    this.#onRest = handlers.onRest
    this.#onError = handlers.onError
  }

  /** Sent, and not acked yet. */
  get pending(): number {
    return this.#inFlight.reduce((sum, { batch }) => sum + batch.length, 0)
  }

  /** Whether it takes up no more connections. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Whether HTTP connections behind this gate go over, so that they need no notice. */
  covers(gate: Gate): boolean {
    return this.kinds(gate).includes('http')
  }

  /** The kinds of connections behind this gate that go over. */
  kinds(gate: Gate): CountedKind[] {
    return this.#moversOf(gate).map(({ kind }) => kind)
  }

  start(): void {
    subscribe(responseFinished, this.later)
    // A response that the application ends because of the drain still looks as if it were finished.
    this.later()
  }

  /**
   * Notes that the new process has a batch. Our descriptors of it stay open, for a take-back.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when it acks what was not sent.
   */
  ack({ received }: Messages['adopted']): void {
    const sent = this.#acked + this.pending
    // Pending until it is counted: what is gone may be the last that the drain waits for.
    const [flight] = this.#inFlight
    for (const departing of flight?.batch ?? []) departing.complete()
    if (flight !== undefined) {
      this.#holdings.fates.add('handedOver', flight.mover.kind, flight.batch.length)
    }
    this.#inFlight.shift()
    if (flight === undefined || received !== this.#acked + flight.batch.length) {
      // Even a wrong ack says that it may have touched them: two processes must not read one stream.
      if (flight !== undefined) closeAll(descriptorsOf(flight))
      throw new HandoffError(
        'ERR_HANDOFF_PROTOCOL',
        `cannot hand over connections: the peer acks ${received} of ${sent} sent`,
        { stage: 'drain', serving: 'new' },
      )
    }
    this.#acked = received
    flight.batch.forEach((departing, index) => {
      this.#departed.add(flight.mover, departing, flight.progress[index])
    })
    this.#pump()
    this.#onChange()
  }

  /** No more connections go over; those on the way still do. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    unsubscribe(responseFinished, this.later)
    for (const gate of this.#holdings.gates) gate.connections?.stopMoving()
  }

  /** The new process has closed these connections, or handed them on. */
  end({ numbers }: Messages['ended']): void {
    this.#departed.end(numbers)
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL */
  rest({ rests }: Messages['rested']): void {
    for (const rest of rests) this.#departed.rest(rest)
  }

  /** Nobody takes back from the new process any more. */
  forget(): void {
    this.#departed.close()
  }

  /** The new process died: connections that it left at rest are served here again. */
  takeBack(): { back: number; closed: number } {
    this.close()
    return this.#departed.takeBack(this.#holdings.fates)
  }

  /**
   * The channel is at its end. A batch without its ack was never touched by the new process, which
   * acks before it reads: so those connections are served here again.
   */
  close(): void {
    this.stop()
    for (const flight of this.#inFlight.splice(0)) serveAgain(flight)
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
      for (const mover of this.#moversOf(gate)) {
        while (this.#inFlight.length < batchesInFlight) {
          const batch = mover.take(descriptorLimit)
          if (batch.length === 0) break
          this.#send(gate, { mover, batch, progress: readProgress(batch.map(({ fd }) => fd)) })
        }
      }
    }
    if (this.#inFlight.length === 0) this.#onRest()
  }

  #moversOf({ held, connections }: Gate): Mover[] {
    const { key } = held.entry
    const kinds = (Object.hasOwn(this.#takes, key) ? this.#takes[key] : undefined) ?? []
    return (connections?.movers ?? []).filter(({ kind }) => kinds.includes(kind))
  }

  #send(gate: Gate, flight: Flight): void {
    const { mover, batch } = flight
    this.#inFlight.push(flight)
    const { key } = gate.held.entry
    const items = batch.map(({ item }) => item)
    this.#wire
      .send({ type: 'connections', key, kind: mover.kind, items }, descriptorsOf(flight))
      .catch((error: Error) => this.#fail(flight, error))
  }

  /** The kernel did not take a batch (ETOOMANYREFS, EMFILE): the rest stays here. */
  #fail(flight: Flight, error: Error): void {
    const index = this.#inFlight.indexOf(flight)
    if (index < 0) return
    this.#inFlight.splice(index, 1)
    serveAgain(flight)
    this.#onError(error)
  }
}

function descriptorsOf({ batch }: Flight): number[] {
  return batch.map(({ fd }) => fd)
}

function serveAgain({ batch }: Flight): void {
  for (const departing of batch) departing.serveAgain()
}
