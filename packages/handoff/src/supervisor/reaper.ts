// Children of this process that nobody here has started: as PID 1 it has to wait for them.

import { reapOrphans } from '../io/reap.ts'

/** Whether we are the init process of a container, whose children are all orphans of it. */
const isInit = process.pid === 1

/** Of the whole process: what one worker has started is no orphan for another. */
class Reaper {
  readonly #known = new Set<number>()
  readonly #followers = new Set<(pid: number) => void>()

  /** Somebody here has started this process, and libuv waits for it. */
  started(pid: number): void {
    this.#known.add(pid)
  }

  /** Libuv has waited for it. */
  ended(pid: number): void {
    this.#known.delete(pid)
    // Until now the kernel has shown this one, and none behind it.
    if (isInit) this.#reap()
  }

  /** @returns the undo. */
  follow(onReaped: (pid: number) => void): () => void {
    if (isInit && this.#followers.size === 0) process.on('SIGCHLD', this.#reap)
    this.#followers.add(onReaped)
    return () => {
      this.#followers.delete(onReaped)
      if (this.#followers.size === 0) process.off('SIGCHLD', this.#reap)
    }
  }

  /** The init process must wait for orphans, or they stay in the process table: wait(2). */
  readonly #reap = (): void => {
    for (const { pid } of reapOrphans([...this.#known])) {
      for (const follower of [...this.#followers]) follower(pid)
    }
  }
}

export const reaper = new Reaper()
