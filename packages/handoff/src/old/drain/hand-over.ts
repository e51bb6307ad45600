// Stage drain, old side: passes connections to the new process, each as soon as it is quiescent.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Gate } from '../../connections/gate/gate.ts'
import { responseFinished } from '../../connections/http/rest-reporter.ts'
import { countedKind, type Mover } from '../../connections/moving/mover.ts'
import type { Holdings } from '../../generation/holdings.ts'
import { descriptorLimit } from '../../protocol/codec.ts'
import type { Messages } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import type { CountedKind } from '../../terms/fates.ts'
import { type Flight, Flights } from './flights.ts'
import { HandedOverConnections } from './handed-over.ts'
import type { SlowStart } from './slow-start.ts'

/**
 * How many batches may be in flight at most. With two, both processes wait for each other for a third of
 * the time. There are fewer if the kernel takes no more: see {@link isLimit}.
 */
const mostInFlight = 8

interface HandOverHandlers {
  /** Whether the new process may have the secrets of TLS connections. */
  readonly sendsSecrets?: boolean
  onChange(): void
  onRest(): void
  onError(error: Error): void
}

export class HandOver {
  readonly #peer: Peer<'old'>
  readonly #holdings: Holdings
  readonly #takes: Messages['ready']['takes']
  readonly #sendsSecrets: boolean
  readonly #onChange: () => void
  readonly #onRest: () => void
  readonly #onError: (error: Error) => void
  readonly #flights: Flights
  readonly #handedOver: HandedOverConnections
  #pace: SlowStart | undefined
  #window = mostInFlight
  #scheduled = false
  #started = false
  #stopped = false
  #caughtUp = false

  /** @param takes - the kinds of connections that the new process takes, by listener key. */
  constructor(
    peer: Peer<'old'>,
    holdings: Holdings,
    takes: Messages['ready']['takes'],
    handlers: HandOverHandlers,
  ) {
    this.#peer = peer
    this.#handedOver = new HandedOverConnections(peer.takePositions())
    this.#holdings = holdings
    this.#flights = new Flights(holdings.fates)
    this.#takes = takes
    this.#sendsSecrets = handlers.sendsSecrets ?? false
    this.#onChange = handlers.onChange
    this.#onRest = handlers.onRest
    this.#onError = handlers.onError
  }

  /** How many connections are sent and not acked yet. */
  get pending(): number {
    return this.#flights.pending
  }

  /** Whether no further connections go over. */
  get stopped(): boolean {
    return this.#stopped
  }

  /**
   * Whether every connection at rest has gone over and is acked: none waits for the slow start. False before
   * the first look, a turn after {@link start}. Connections that read or answer a request still go over
   * later, each as it comes to rest, and so do those that are accepted meanwhile.
   */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** How many connections are still here that can go over: all of the kinds that the new process takes. */
  get left(): number {
    let left = 0
    if (this.#stopped) return left
    for (const gate of this.#holdings.gates) {
      const counts = gate.connections?.kinds ?? {}
      for (const kind of new Set(this.#moversOf(gate).map(countedKind))) left += counts[kind] ?? 0
    }
    return left
  }

  /** Whether HTTP connections behind this gate go over, so that they need no notice. */
  covers(gate: Gate): boolean {
    return this.kinds(gate).includes('http')
  }

  /** The kinds of connections behind this gate that go over. */
  kinds(gate: Gate): CountedKind[] {
    return this.#moversOf(gate).map(({ kind }) => kind)
  }

  /**
   * Begins, whether the gates are open or shut. Call it once.
   *
   * @param pace - limits how many busy connections go over, until its end. Those that have been silent for a
   * while go over immediately.
   */
  start(pace?: SlowStart): void {
    this.#started = true
    this.#pace = pace
    pace?.onChange(this.recheck)
    subscribe(responseFinished, this.recheck)
    // A response that the application ends because of the drain still looks as if it were finished.
    this.recheck()
  }

  /**
   * Notes that the new process has a batch. This process keeps its descriptors for a take-back.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if the new process acks what was not sent.
   */
  noteAdopted({ received }: Messages['adopted']): void {
    const flight = this.#flights.ack(received)
    if (flight.isForced) this.#handedOver.skip(flight.batch.length)
    else this.#handedOver.add(flight)
    this.#schedule()
    this.#onChange()
  }

  /** Sends no further connections; those in flight still go over. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    unsubscribe(responseFinished, this.recheck)
    for (const gate of this.#holdings.gates) gate.connections?.stopMoving()
  }

  /** Notes that the new process has closed connections, or handed them on. */
  noteEnded({ numbers }: Messages['ended']): void {
    this.#handedOver.noteEnded(numbers)
  }

  /**
   * Notes that connections are quiescent again in the new process.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL.
   */
  noteRested({ rests }: Messages['rested']): void {
    for (const rest of rests) this.#handedOver.noteRested(rest)
  }

  /** Closes the descriptors of connections that went over: there will be no take-back any more. */
  release(): void {
    this.#handedOver.close()
  }

  /** Serves connections here again that the new process, which died, left quiescent. */
  takeBack(): { back: number; closed: number } {
    this.end()
    return this.#handedOver.takeBack(this.#holdings.fates)
  }

  /** Serves batches without an ack here again, since the channel has ended. */
  end(): void {
    this.stop()
    this.#flights.end()
  }

  /** Ends the connections that are sent and not acked, since the drain deadline is over. */
  force(): void {
    this.stop()
    this.#flights.force()
  }

  /** Reads no further acks. Which of the batches the new process has is not known before the end of the channel. */
  ignoreAcks(): void {
    this.stop()
    this.#flights.ignoreAcks()
  }

  /** Looks for quiescent connections a turn later: a server is the last to learn that a response is finished. */
  readonly recheck = () => {
    if (!this.#mustWait) this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || !this.#started) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#sendQuiescent()
    })
  }

  /** Whether another look is of no use: all that is left waits for a wider pace. */
  get #mustWait(): boolean {
    return this.#pace?.isWaiting === true && this.#pace.room <= 0
  }

  #sendQuiescent(): void {
    if (this.#stopped) return
    const pace = this.#pace?.ended === false ? this.#pace : undefined
    pace?.beginLook()
    for (const gate of this.#holdings.gates) {
      for (const mover of this.#moversOf(gate)) {
        if (this.#flights.count >= this.#window) break
        const limit = mover.batchSize ?? descriptorLimit
        const batch = mover.take(limit, pace)
        if (batch.length === 0) continue
        this.#send(gate, this.#flights.add(mover, batch))
        // A whole batch takes 1 to 3 ms, and clients wait meanwhile. After a smaller one the next look follows the ack.
        if (batch.length === limit) return this.#schedule()
      }
    }
    this.#caughtUp = this.#flights.count === 0 && pace?.isWaiting !== true
    if (this.#caughtUp) this.#onRest()
  }

  #moversOf({ held, connections }: Gate): Mover[] {
    const { key } = held.entry
    const kinds = (Object.hasOwn(this.#takes, key) ? this.#takes[key] : undefined) ?? []
    return (connections?.movers ?? []).filter(
      ({ kind, secured }) => kinds.includes(kind) && (!secured || this.#sendsSecrets),
    )
  }

  #send(gate: Gate, flight: Flight): void {
    const { mover, batch } = flight
    const { key } = gate.held.entry
    const items = batch.map(({ item }) => item)
    const message = { type: 'connections', key, kind: mover.kind, items } as const
    const file = batch[0]?.secrets?.file
    const secrets = file === undefined ? {} : { secretBytes: file.bytes }
    const descriptors = file === undefined ? flight.descriptors : [...flight.descriptors, file.fd]
    this.#peer
      .sendBatch({ ...message, ...secrets }, descriptors, flight)
      .catch((error: Error) => this.#fail(flight, error))
  }

  /** The kernel did not take a batch (ETOOMANYREFS, EMFILE): its connections stay here. */
  #fail(flight: Flight, error: Error): void {
    if (!this.#flights.keep(flight)) return
    // An ack makes room, and then they go over.
    if (isLimit(error) && this.#flights.count > 0) this.#window = this.#flights.count
    else this.#onError(error)
  }
}

/**
 * Whether the kernel takes no more descriptors for now: an unprivileged user may have no more than
 * RLIMIT_NOFILE in flight (unix(7)).
 */
function isLimit(error: Error): boolean {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ETOOMANYREFS'
}
