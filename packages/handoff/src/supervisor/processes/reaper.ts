// Children of this process that nobody here has started: as PID 1 it has to wait for them.

import { constants } from 'node:os'
import { reapOrphans } from '../../io/system/reap-orphans.ts'
import type { Exit } from '../registry/exit.ts'

/** Whether we are the init process of a container, whose children are all orphans of it. */
const isInit = process.pid === 1

/** Of the whole process: what one worker has started is no orphan for another. */
class Reaper {
  readonly #known = new Set<number>()
  readonly #followers = new Set<(pid: number, exit: Exit) => void>()
  #listens = false

  /** Somebody here has started this process, and libuv waits for it. */
  started(pid: number): void {
    this.#known.add(pid)
  }

  /** Libuv has waited for it. */
  ended(pid: number): void {
    this.#known.delete(pid)
    // Until now the kernel has shown this one, and none behind it.
    if (this.#listens) this.#reap()
  }

  /** This process had children before it became this release: libuv knows nothing of them. */
  adopt(): void {
    this.#listen()
    // One may have ended meanwhile, before anybody listened.
    setImmediate(this.#reap)
  }

  /** @returns the undo. */
  follow(onReaped: (pid: number, exit: Exit) => void): () => void {
    if (isInit) this.#listen()
    this.#followers.add(onReaped)
    return () => {
      this.#followers.delete(onReaped)
      if (this.#followers.size > 0) return
      this.#listens = false
      process.off('SIGCHLD', this.#reap)
    }
  }

  #listen(): void {
    if (this.#listens) return
    this.#listens = true
    process.on('SIGCHLD', this.#reap)
  }

  /** The init process must wait for orphans, or they stay in the process table: wait(2). */
  readonly #reap = (): void => {
    if (!this.#listens) return
    for (const { pid, status } of reapOrphans([...this.#known])) {
      for (const follower of [...this.#followers]) follower(pid, exitOf(status))
    }
  }
}

export const reaper = new Reaper()

/** From 128 on it is a signal, as shells put it; an exit code is rarely that large. */
function exitOf(status: number): Exit {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)
  if (signal === undefined) return { code: status, signal: null }
  return { code: null, signal: signal[0] as NodeJS.Signals }
}
