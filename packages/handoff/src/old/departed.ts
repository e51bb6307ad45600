// Connections that the new process has: our descriptors of them, for the case that it dies.

import type { Departing, Mover } from '../connections/moving/mover.ts'
import type { FateCounter } from '../connections/tracking/fate-counter.ts'
import { close } from '../io/native/descriptors.ts'
import { type Progress, readProgress } from '../io/native/many-connections.ts'
import type { RestMessage } from '../protocol/messages.ts'

interface Departed {
  mover: Mover
  fd: number
  item: unknown
  /** Where it stood when it was last at rest: here, or by the word of the new process. */
  progress: Progress | undefined
}

/**
 * @remarks While one of these is open, a close by the new process is no end for the client. So it
 * tells of each, and ours is closed then.
 */
export class DepartedConnections {
  /** By their number in the order in which they went over. */
  readonly #departed = new Map<number, Departed>()
  #count = 0
  #closed = false

  /** Owns the descriptor. */
  add(mover: Mover, { fd, item }: Departing, progress: Progress | undefined): void {
    // The ack of what was on its way comes after the release, too.
    if (this.#closed) close(fd)
    else this.#departed.set(this.#count, { mover, fd, item, progress })
    this.#count += 1
  }

  /** The new process has closed these, or handed them on. Numbers that are not ours mean nothing. */
  end(numbers: readonly number[]): void {
    for (const number of numbers) {
      const departed = this.#departed.get(number)
      if (departed !== undefined) close(departed.fd)
      this.#departed.delete(number)
    }
  }

  /**
   * The new process has used a connection, and has answered all that it read from it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when its item is not one of its kind.
   */
  rest({ number, read, written, item }: RestMessage): void {
    const departed = this.#departed.get(number)
    // Of other kinds only the new process knows what became of them while they were used.
    if (departed?.mover.checkItem === undefined) return
    departed.mover.checkItem(item)
    departed.item = item
    departed.progress = { read, written }
  }

  /** The new process will not be taken back from any more. */
  close(): void {
    this.#closed = true
    this.end([...this.#departed.keys()])
  }

  /**
   * The new process died. What it neither read from nor wrote to since the connection was at rest
   * is served here again; of the others nobody knows where they stand, and they are closed.
   *
   * @returns how many came back and how many were closed.
   */
  takeBack(fates: FateCounter): { back: number; closed: number } {
    let back = 0
    const all = [...this.#departed.values()]
    this.#departed.clear()
    const now = readProgress(all.map(({ fd }) => fd))
    for (const [index, { mover, fd, item, progress }] of all.entries()) {
      if (isAtRest(progress, now[index])) {
        mover.adopt([{ fd, item }])
        fates.add('takenBack', mover.kind)
        back += 1
      } else {
        close(fd)
        fates.add('closed', mover.kind)
      }
    }
    return { back, closed: all.length - back }
  }
}

function isAtRest(then: Progress | undefined, now: Progress | undefined): boolean {
  if (then === undefined || now === undefined) return false
  return then.read === now.read && then.written === now.written
}
