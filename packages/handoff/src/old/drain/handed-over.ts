// Keeps descriptors of connections that went over, in case the new process dies.

import type { Departing, Mover } from '../../connections/moving/mover.ts'
import type { FateCounter } from '../../connections/tracking/fate-counter.ts'
import type { PositionFile } from '../../io/channel/position-file.ts'
import { close } from '../../io/native/descriptors.ts'
import { type Progress, readProgress } from '../../io/native/many-connections.ts'
import type { RestMessage } from '../../protocol/messages.ts'
import type { Position } from '../../protocol/position.ts'
import { isUntouched } from './progress.ts'

interface HandedOver {
  mover: Mover
  fd: number
  item: unknown
  /** How much was read and written when it was last quiescent, here or in the new process. */
  progress: Progress | undefined
}

/**
 * @remarks While this process keeps a descriptor, a close by the new process does not end the connection.
 * So the new process reports each end, and this process closes its descriptor then.
 */
export class HandedOverConnections {
  /** By their number in the order in which they went over. */
  readonly #connections = new Map<number, HandedOver>()
  /** Where the new process writes when connections are quiescent there. Without it messages report that. */
  readonly #positions: PositionFile | undefined
  #count = 0
  #closed = false

  /** @param positions - owned by this object. */
  constructor(positions?: PositionFile) {
    this.#positions = positions
  }

  /** Adds a connection that went over. Owns the descriptor. */
  add(mover: Mover, { fd, item }: Departing, progress: Progress | undefined): void {
    // The ack of a batch may come after the release.
    if (this.#closed) close(fd)
    else this.#connections.set(this.#count, { mover, fd, item, progress })
    this.#count += 1
  }

  /** Skips the numbers of connections that went over after their end here. */
  skip(count: number): void {
    this.#count += count
  }

  /** The new process has closed these connections, or handed them on. Unknown numbers are skipped. */
  noteEnded(numbers: readonly number[]): void {
    for (const number of numbers) {
      const connection = this.#connections.get(number)
      if (connection !== undefined) close(connection.fd)
      this.#connections.delete(number)
    }
  }

  /**
   * The new process has used a connection, and has answered all that it read from it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if its item is not one of its kind.
   */
  noteRested({ number, read, written, item }: RestMessage): void {
    const connection = this.#connections.get(number)
    // For other kinds only the new process knows what happened to them while they were used.
    if (connection?.mover.checkItem === undefined) return
    connection.mover.checkItem(item)
    connection.item = item
    connection.progress = { read, written }
  }

  /** Closes all descriptors: there will be no take-back any more. */
  close(): void {
    this.#closed = true
    this.noteEnded([...this.#connections.keys()])
    this.#positions?.close()
  }

  /**
   * Serves connections here again, since the new process died: those that it neither read from nor
   * wrote to since they were last quiescent. It closes the others, whose progress is not known.
   *
   * @returns how many came back and how many were closed.
   */
  takeBack(fates: FateCounter): { back: number; closed: number } {
    let back = 0
    const numbers = [...this.#connections.keys()]
    const all = [...this.#connections.values()]
    this.#connections.clear()
    const now = readProgress(all.map(({ fd }) => fd))
    const written = this.#positions?.read(this.#count) ?? []
    this.#positions?.close()
    for (const [index, connection] of all.entries()) {
      const { mover, fd } = connection
      const rest = restAt(now[index], connection, written[numbers[index] as number])
      if (rest === undefined) {
        close(fd)
        fates.add('closed', mover.kind)
      } else {
        mover.adopt([{ fd, item: rest.item }])
        fates.add('takenBack', mover.kind)
        back += 1
      }
    }
    return { back, closed: all.length - back }
  }
}

/**
 * Returns the rest that a connection is still at: the last one that this process knows, or one that the new
 * process has written. Undefined if it was used since, or if that is not known.
 */
function restAt(
  now: Progress | undefined,
  { mover, item, progress }: HandedOver,
  written: Position | undefined,
): { item: unknown } | undefined {
  if (isUntouched(progress, now)) return { item }
  if (mover.checkItem === undefined || !isUntouched(written, now)) return undefined
  try {
    mover.checkItem(written?.item)
    return written
  } catch {
    // The new process is dead, and was wrong.
    return undefined
  }
}
