// Waits for child processes that this program did not start, as PID 1 of a container must.

import { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { reapOrphans } from '../../io/system/reap-orphans.ts'
import type { Exit } from '../registry/process-exit.ts'

/** Whether this is the init process of a container, which inherits all orphans there. */
const isInit = process.pid === 1

interface ReaperEvents {
  reaped: [pid: number, exit: Exit]
}

/** One for the whole process: a child of one worker is no orphan for another. */
class Reaper {
  readonly #known = new Set<number>()
  readonly #emitter = new EventEmitter<ReaperEvents>().setMaxListeners(0)
  #listens = false

  /** A child was started here: libuv waits for it. */
  onSpawned(pid: number): void {
    this.#known.add(pid)
  }

  /** libuv has waited for a child. */
  onExit(pid: number): void {
    this.#known.delete(pid)
    // The kernel shows one child that has ended at a time. Others may be behind this one.
    if (this.#listens) this.#reap()
  }

  /** This process had children before it became this release: libuv does not know them. */
  adoptChildren(): void {
    this.#listen()
    // A child may have ended before SIGCHLD had a listener.
    setImmediate(this.#reap)
  }

  on(listener: (pid: number, exit: Exit) => void): void {
    if (isInit) this.#listen()
    this.#emitter.on('reaped', listener)
  }

  off(listener: (pid: number, exit: Exit) => void): void {
    this.#emitter.off('reaped', listener)
    if (this.#emitter.listenerCount('reaped') > 0) return
    this.#listens = false
    process.off('SIGCHLD', this.#reap)
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
      this.#emitter.emit('reaped', pid, exitOf(status))
    }
  }
}

export const reaper = new Reaper()

/** From 128 on the status is a signal, as shells have it. Exit codes are rarely that large. */
function exitOf(status: number): Exit {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)
  if (signal === undefined) return { code: status, signal: null }
  return { code: null, signal: signal[0] as NodeJS.Signals }
}
