// Keeps descriptors of connections that went over, in case the new process dies.

import {
  type Arriving,
  countedKind,
  type Departing,
  type Mover,
  type Secrets,
} from '../../connections/moving/mover.ts'
import type { FateCounter } from '../../connections/tracking/fate-counter.ts'
import type { PositionFile } from '../../io/channel/position-file.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { close } from '../../io/native/descriptors.ts'
import {
  type Progress,
  type ProgressNumbers,
  progressAt,
  readProgress,
} from '../../io/native/many-connections.ts'
import type { RestMessage } from '../../protocol/messages.ts'
import type { Position } from '../../protocol/position.ts'
import { isUntouched } from './progress.ts'

/** The descriptor of a connection that has ended since. */
const ended = -1

/** Connections that went over in one message. Arrays: an object for each of thousands would cost more. */
interface HandedOverBatch {
  readonly mover: Mover
  /** The number of its first connection, in the order in which they went over. */
  readonly first: number
  readonly fds: Int32Array
  readonly items: unknown[]
  /** Of TLS connections, as they went over. Each holds the file of its secrets. */
  readonly secrets: (Secrets | undefined)[] | undefined
  /** How much was read and written when each was last quiescent, here or in the new process. */
  readonly progress: ProgressNumbers
  /** How many of them have not ended. */
  open: number
}

/**
 * @remarks While this process keeps a descriptor, a close by the new process does not end the connection.
 * So the new process reports each end, and this process closes its descriptor then.
 */
export class HandedOverConnections {
  /** Those with open connections, by number. */
  #batches: HandedOverBatch[] = []
  /** Where the new process writes when connections are quiescent there. Without it messages report that. */
  readonly #positions: PositionFile | undefined
  #count = 0
  #closed = false

  /** @param positions - owned by this object. */
  constructor(positions?: PositionFile) {
    this.#positions = positions
  }

  /** Adds connections that went over. Owns the descriptors and their array, and holds the files of the secrets. */
  add(flight: {
    readonly mover: Mover
    readonly batch: readonly Departing[]
    readonly descriptors: Int32Array
    readonly progress: ProgressNumbers
  }): void {
    const { mover, batch, descriptors, progress } = flight
    const first = this.#count
    this.#count += batch.length
    const fds = descriptors
    const items = batch.map(({ item }) => item)
    const secrets = mover.secured ? batch.map((departing) => departing.secrets) : undefined
    const added = { mover, first, fds, items, secrets, progress, open: batch.length }
    // The ack of a batch may come after the release.
    if (this.#closed) endAll(added)
    else this.#batches.push(added)
  }

  /** Skips the numbers of connections that went over after their end here. */
  skip(count: number): void {
    this.#count += count
  }

  /** The new process has closed these connections, or handed them on. Unknown numbers are skipped. */
  noteEnded(numbers: readonly number[]): void {
    let isAnyEmpty = false
    for (const number of numbers) {
      const batch = this.#batchOf(number)
      if (batch === undefined) continue
      const index = number - batch.first
      end(batch, index)
      batch.fds[index] = ended
      batch.items[index] = undefined
      batch.open -= 1
      if (batch.open === 0) isAnyEmpty = true
    }
    if (isAnyEmpty) this.#batches = this.#batches.filter(({ open }) => open > 0)
  }

  /**
   * The new process has used a connection, and has answered all that it read from it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if its item is not one of its kind.
   */
  noteRested({ number, read, written, item }: RestMessage): void {
    const batch = this.#batchOf(number)
    // For other kinds only the new process knows what happened to them while they were used.
    if (batch?.mover.completeItem === undefined) return
    const index = number - batch.first
    batch.items[index] = batch.mover.completeItem(item, batch.items[index])
    batch.progress[2 * index] = read
    batch.progress[2 * index + 1] = written
  }

  /** Closes all descriptors: there will be no take-back any more. */
  close(): void {
    this.#closed = true
    for (const batch of this.#batches.splice(0)) endAll(batch)
    this.#positions?.close()
  }

  /**
   * Serves connections here again, since the new process died: those that it neither read from nor
   * wrote to since they were last quiescent. It closes the others, whose progress is not known.
   *
   * @returns how many came back and how many were closed.
   */
  takeBack(fates: FateCounter): { back: number; closed: number } {
    const counts = { back: 0, closed: 0 }
    const returning = new Map<Mover, Arriving[]>()
    const written = this.#positions?.read(this.#count) ?? []
    this.#positions?.close()
    for (const batch of this.#batches.splice(0)) {
      const { mover, first, fds, secrets } = batch
      const group = returning.get(mover) ?? []
      const now = readProgress(fds)
      for (const [index, fd] of fds.entries()) {
        if (fd === ended) continue
        const rest = restAt(now[index], batch, index, written[first + index])
        if (rest !== undefined) group.push({ fd, item: rest.item, secrets: secrets?.[index] })
        else {
          end(batch, index)
          fates.add('closed', countedKind(mover))
          counts.closed += 1
        }
      }
      if (group.length > 0) returning.set(mover, group)
    }
    for (const [mover, group] of returning) {
      const served = serve(mover, group)
      fates.add('takenBack', countedKind(mover), served)
      fates.add('closed', countedKind(mover), group.length - served)
      counts.back += served
      counts.closed += group.length - served
    }
    return counts
  }

  /** Returns the batch of a connection that has not ended. */
  #batchOf(number: number): HandedOverBatch | undefined {
    let [low, high] = [0, this.#batches.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#batches[middle] as HandedOverBatch).first <= number) low = middle + 1
      else high = middle
    }
    const batch = this.#batches[low - 1]
    const fd = batch?.fds[number - batch.first] ?? ended
    return fd === ended ? undefined : batch
  }
}

/**
 * Serves connections of one mover here again.
 *
 * @returns how many. What the new process has reported of a TLS connection may not fit its secrets. It is closed
 * then, and no other.
 */
function serve(mover: Mover, arriving: readonly Arriving[]): number {
  if (mover.secured) return arriving.filter((one) => serveSecured(mover, one)).length
  // In one call: thousands may come back, and clients wait meanwhile.
  mover.adopt(arriving)
  return arriving.length
}

function serveSecured(mover: Mover, arriving: Arriving): boolean {
  try {
    mover.adopt([arriving])
    return true
  } catch {
    return false
  } finally {
    arriving.secrets?.file.release()
  }
}

/** Ends a connection here. */
function end({ fds, secrets }: HandedOverBatch, index: number): void {
  close(fds[index] as number)
  secrets?.[index]?.file.release()
}

/** Ends those that have not ended. */
function endAll({ fds, secrets }: HandedOverBatch): void {
  closeAll(fds.filter((fd) => fd !== ended))
  for (const [index, one] of (secrets ?? []).entries())
    if (fds[index] !== ended) one?.file.release()
}

/**
 * Returns the rest that a connection is still at: the last one that this process knows, or one that the new
 * process has written. Undefined if it was used since, or if that is not known.
 */
function restAt(
  now: Progress | undefined,
  { mover, items, progress }: HandedOverBatch,
  index: number,
  written: Position | undefined,
): { item: unknown } | undefined {
  if (isUntouched(progressAt(progress, index), now)) return { item: items[index] }
  if (mover.completeItem === undefined || !isUntouched(written, now)) return undefined
  try {
    return { item: mover.completeItem(written?.item, items[index]) }
  } catch {
    // The new process is dead, and was wrong.
    return undefined
  }
}
