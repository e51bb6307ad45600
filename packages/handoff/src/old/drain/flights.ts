// Batches of connections that were sent to the new process and have no ack yet, old side.

import { countedKind, type Departing, type Mover } from '../../connections/moving/mover.ts'
import type { FateCounter } from '../../connections/tracking/fate-counter.ts'
import type { Withdrawable } from '../../io/channel/send-queue.ts'
import { closeAll } from '../../io/channel/wire.ts'
import {
  type ProgressNumbers,
  progressAt,
  readProgress,
  readProgressNumbers,
  shutdownEach,
} from '../../io/native/many-connections.ts'
import { HandoffError } from '../../terms/errors.ts'
import { isUntouched } from './progress.ts'

/** A batch without an ack, and the mover that it came from. This process owns its descriptors. */
export interface Flight extends Withdrawable {
  readonly mover: Mover
  readonly batch: readonly Departing[]
  readonly descriptors: Int32Array
  /** How much was read from and written to each connection of the batch. */
  readonly progress: ProgressNumbers
  /** Whether its connections were ended here. The new process may ack it nevertheless. */
  isForced: boolean
}

/**
 * @remarks What was sent may be read by the new process as long as the channel is open. So this process serves
 * a connection again only if it has not left, or if the channel has ended: two processes must not read one
 * stream.
 */
export class Flights {
  readonly #fates: Pick<FateCounter, 'add'>
  #flights: Flight[] = []
  #acked = 0
  #ignoresAcks = false

  constructor(fates: Pick<FateCounter, 'add'>) {
    this.#fates = fates
  }

  /** How many batches are under way. */
  get count(): number {
    return this.#flights.length
  }

  /** How many connections are under way. */
  get pending(): number {
    const open = this.#flights.filter(({ isForced }) => !isForced)
    return open.reduce((sum, { batch }) => sum + batch.length, 0)
  }

  /** Adds a batch that is about to be sent. */
  add(mover: Mover, batch: readonly Departing[]): Flight {
    const descriptors = new Int32Array(batch.length)
    for (const [index, { fd }] of batch.entries()) descriptors[index] = fd
    const progress = readProgressNumbers(descriptors)
    const state = { isWanted: true, hasLeft: false, isForced: false }
    const flight = { mover, batch, descriptors, progress, ...state }
    this.#flights.push(flight)
    return flight
  }

  /**
   * Takes the ack of the oldest batch, and returns the batch. The caller owns its descriptors, unless it is
   * forced.
   *
   * @param received - how many connections the new process has received in all.
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if it acks what was not sent.
   */
  ack(received: number): Flight {
    const [flight] = this.#flights
    const sent = this.#flights.reduce((sum, { batch }) => sum + batch.length, this.#acked)
    if (flight?.isForced === false) this.#complete(flight, 'handedOver')
    this.#flights.shift()
    if (flight === undefined || received !== this.#acked + flight.batch.length) {
      // After a wrong ack the new process may have read: two processes must not read one stream.
      if (flight?.isForced === false) discard(flight)
      throw new HandoffError(
        'ERR_HANDOFF_PROTOCOL',
        `cannot hand over connections: the peer acks ${received} of ${sent} sent`,
        { stage: 'drain', serving: 'new' },
      )
    }
    this.#acked = received
    return flight
  }

  /**
   * Serves a batch here again that the kernel did not take. Returns false if that has been decided before.
   */
  keep(flight: Flight): boolean {
    if (!this.#flights.includes(flight) || flight.isForced) return false
    this.#serveAgain(flight)
    return true
  }

  /**
   * No ack will be read any more. What has not left is served here again. The rest waits for the end of the
   * channel.
   */
  ignoreAcks(): void {
    this.#ignoresAcks = true
    for (const flight of this.#waiting()) this.#serveAgain(flight)
  }

  /**
   * Ends the connections for every process: the drain deadline is over, and the new process may still read what
   * it has not acked. What has not left is served here again.
   */
  force(): void {
    for (const flight of this.#waiting()) this.#serveAgain(flight)
    for (const flight of this.#open()) {
      shutdownEach(flight.descriptors)
      discard(flight)
      this.#complete(flight, 'forced')
      flight.isForced = true
    }
  }

  /** Serves the connections here again: the channel has ended. The new process acks before it reads. */
  end(): void {
    for (const flight of this.#open()) {
      // The ack may be among those that were not read.
      if (this.#ignoresAcks && flight.hasLeft) this.#serveUntouched(flight)
      else this.#serveAgain(flight)
    }
  }

  /** Batches of which the new process has nothing. */
  #waiting(): Flight[] {
    return this.#open().filter(({ hasLeft }) => !hasLeft)
  }

  #open(): Flight[] {
    return this.#flights.filter(({ isForced }) => !isForced)
  }

  #serveAgain(flight: Flight): void {
    this.#remove(flight)
    for (const departing of flight.batch) serveAgain(departing)
  }

  /** Closes the connections that the new process has used. */
  #serveUntouched(flight: Flight): void {
    const now = readProgress(flight.descriptors)
    for (const [index, departing] of flight.batch.entries()) {
      if (isUntouched(progressAt(flight.progress, index), now[index])) serveAgain(departing)
      else {
        closeAll([departing.fd])
        departing.secrets?.file.release()
        departing.complete()
        this.#fates.add('closed', countedKind(flight.mover))
      }
    }
    this.#remove(flight)
  }

  #remove(flight: Flight): void {
    flight.isWanted = false
    this.#flights = this.#flights.filter((other) => other !== flight)
  }

  /** Counts the connections. They stay pending until then: the drain may wait for them alone. */
  #complete({ mover, batch }: Flight, fate: 'handedOver' | 'forced'): void {
    if (mover.complete !== undefined) mover.complete(batch)
    else for (const departing of batch) departing.complete()
    this.#fates.add(fate, countedKind(mover), batch.length)
  }
}

function serveAgain(departing: Departing): void {
  departing.serveAgain()
  departing.secrets?.file.release()
}

/** Closes the descriptors of a batch that belongs to the new process, or has ended. */
function discard({ descriptors, batch }: Flight): void {
  closeAll(descriptors)
  for (const { secrets } of batch) secrets?.file.release()
}
