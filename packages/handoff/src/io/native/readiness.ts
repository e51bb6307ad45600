// Waits for many descriptors at the cost of one: an epoll or kqueue under a single uv_poll_t.

import { check, loadNative, type Poll, READABLE } from './addon.ts'
import { close, descriptorArray } from './descriptors.ts'

/** The most descriptors in one report. */
const batch = 256

/**
 * A set of descriptors. Reports each once, when it has something to read or its peer has closed.
 *
 * @remarks Does not own them. Opened with the first descriptor and closed with the last.
 * @internal
 */
export class Readiness {
  readonly #onReadable: (fds: readonly number[]) => void
  readonly #ready = new Int32Array(batch)
  /** Added within this tick: one call passes all of them to the kernel. */
  #added: number[] = []
  #size = 0
  #open: { set: number; poll: Poll } | undefined

  /** @param onReadable - called with descriptors that are not in the set any more. */
  constructor(onReadable: (fds: readonly number[]) => void) {
    this.#onReadable = onReadable
  }

  /**
   * Adds a descriptor. Reports it immediately, as if it were readable, if the kernel cannot watch it:
   * `ENOSPC` (fs.epoll.max_user_watches), `EMFILE`, `ENOMEM`.
   */
  add(fd: number): void {
    this.addEach([fd])
  }

  /** As {@link add}, for many. */
  addEach(fds: readonly number[]): void {
    if (fds.length === 0) return
    if (this.#added.length === 0) process.nextTick(() => this.#watchAdded())
    this.#size += fds.length
    this.#added = this.#added.length === 0 ? [...fds] : this.#added.concat(fds)
  }

  /** Removes a descriptor. Call this before its close. */
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
      // There is no descriptor for the set itself.
    }
    if (watched === fds.length) return
    this.#shrink(fds.length - watched)
    this.#onReadable(fds.slice(watched))
  }

  /** Reports immediately those that are ready by now. A late event loop would report them only later. */
  poll(): void {
    this.#watchAdded()
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

  /** @returns how many were reported. */
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
