// Waits for many descriptors at the price of one: an epoll or kqueue under a single uv_poll_t.

import { close } from './descriptors.ts'
import { check, loadNative, type Poll, READABLE } from './native.ts'

/** Most descriptors that are told of in one go. */
const batch = 256

/**
 * A set of descriptors, each told of once, when it has something to read or its peer is gone.
 *
 * @remarks Owns none of them. Opened with the first and closed with the last.
 * @internal
 */
export class Readiness {
  readonly #onReadable: (fds: readonly number[]) => void
  readonly #ready = new Int32Array(batch)
  #size = 0
  #open: { set: number; poll: Poll } | undefined

  /** @param onReadable - told of those that are not in the set any more. */
  constructor(onReadable: (fds: readonly number[]) => void) {
    this.#onReadable = onReadable
  }

  /** @throws a system error: `ENOSPC` (fs.epoll.max_user_watches), `EMFILE`, `ENOMEM` */
  add(fd: number): void {
    this.#open ??= this.#begin()
    check(loadNative().addToReadiness(this.#open.set, fd), 'epoll_ctl')
    this.#size += 1
  }

  /** Comes before the close of the descriptor. */
  remove(fd: number): void {
    if (this.#open === undefined) return
    check(loadNative().removeFromReadiness(this.#open.set, fd), 'epoll_ctl')
    this.#shrink(1)
  }

  /** Tells at once of those that are ready by now, where a loop that is late would do so only later. */
  look(): void {
    while (this.#open !== undefined && this.#take(this.#open.set) === batch);
  }

  #begin(): { set: number; poll: Poll } {
    const set = check(loadNative().openReadiness(), 'epoll_create1')
    const poll = new (loadNative().Poll)(set, () => this.#take(set))
    check(poll.start(READABLE), 'epoll_ctl')
    return { set, poll }
  }

  /** @returns of how many it has told. */
  #take(set: number): number {
    const count = check(loadNative().takeReady(set, this.#ready), 'epoll_wait')
    const fds = [...this.#ready.subarray(0, count)]
    this.#shrink(count)
    this.#onReadable(fds)
    return count
  }

  #shrink(by: number): void {
    this.#size -= by
    if (this.#size > 0 || this.#open === undefined) return
    const { set, poll } = this.#open
    this.#open = undefined
    poll.close()
    close(set)
  }
}
