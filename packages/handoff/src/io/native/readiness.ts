// Waits for many descriptors at the price of one: an epoll or kqueue under a single uv_poll_t.

import { check, loadNative, type Poll, READABLE } from './addon.ts'
import { close, descriptorArray } from './descriptors.ts'

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
  /** Added within this tick: the kernel is told of all of them in one call. */
  #added: number[] = []
  #size = 0
  #open: { set: number; poll: Poll } | undefined

  /** @param onReadable - told of those that are not in the set any more. */
  constructor(onReadable: (fds: readonly number[]) => void) {
    this.#onReadable = onReadable
  }

  /**
   * What the kernel does not watch for us is told of at once, as if it were readable: `ENOSPC`
   * (fs.epoll.max_user_watches), `EMFILE`, `ENOMEM`.
   */
  add(fd: number): void {
    this.#size += 1
    this.#added.push(fd)
    if (this.#added.length === 1) queueMicrotask(() => this.#watchAdded())
  }

  /** Comes before the close of the descriptor. */
  remove(fd: number): void {
    const index = this.#added.indexOf(fd)
    if (index >= 0) this.#added.splice(index, 1)
    else if (this.#open === undefined) return
    else check(loadNative().removeFromReadiness(this.#open.set, fd), 'epoll_ctl')
    this.#shrink(1)
  }

  #watchAdded(): void {
    const fds = this.#added
    this.#added = []
    if (fds.length === 0) return
    let watched = 0
    try {
      this.#open ??= this.#begin()
      watched = Math.max(0, loadNative().addToReadiness(this.#open.set, descriptorArray(fds)))
    } catch {
      // No descriptor for the set itself.
    }
    if (watched === fds.length) return
    this.#shrink(fds.length - watched)
    this.#onReadable(fds.slice(watched))
  }

  /** Tells at once of those that are ready by now, where a loop that is late would do so only later. */
  poll(): void {
    while (this.#open !== undefined && this.#take(this.#open.set) === batch);
  }

  #begin(): { set: number; poll: Poll } {
    const set = check(loadNative().openReadiness(), 'epoll_create1')
    const poll = new (loadNative().Poll)(set, () => this.#take(set))
    try {
      check(poll.start(READABLE), 'epoll_ctl')
    } catch (error) {
      poll.close()
      close(set)
      throw error
    }
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
