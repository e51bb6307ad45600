// Ends the run: every generation drains and exits, within a deadline.

import type { Generations } from '../../processes/generations.ts'
import { Deadline } from './deadline.ts'

/** 30 seconds, as the default of `drainTimeoutMs`. */
const defaultDrainTimeoutMs = 30_000
/** A process keeps its own deadline, and closes its server after it; ours is for one that hangs. */
const marginMs = 10_000
/** How long a process may take to end once it has been asked again, in milliseconds. */
const forcedMs = 1_000

/** How long the end of a process that was killed may take, in milliseconds. */
const killTimeoutMs = 10_000

export interface StoppingOptions {
  /** What the supervisor exits with. */
  readonly code: number
  readonly drainTimeoutMs: number | undefined
  /** After so many milliseconds processes are asked again, which ends them at once. */
  readonly patienceMs?: number | undefined
  /** The patience has ended: processes are asked again. */
  onImpatient?(): void
  /** The time is up, and what is left is killed. */
  onDeadline(): void
  /** These were killed, and are still there: they wait in the kernel, which nothing can end. */
  onStuck(pids: readonly number[]): void
}

export class Stopping {
  code: number
  readonly #generations: Generations
  readonly #deadline: Deadline
  readonly #patience: Deadline
  readonly #told = new Set<number>()
  readonly #stuck: Deadline

  constructor(generations: Generations, options: StoppingOptions) {
    const { code, drainTimeoutMs, patienceMs, onImpatient, onDeadline, onStuck } = options
    this.code = code
    this.#generations = generations
    this.#deadline = new Deadline(() => {
      onDeadline()
      this.#kill()
    })
    this.#stuck = new Deadline(() => onStuck([...generations.registry.processes.keys()]))
    this.#patience = new Deadline(() => {
      onImpatient?.()
      generations.signalAll('SIGTERM')
      this.#deadline.set(forcedMs)
    })
    if (patienceMs !== undefined) this.#patience.set(patienceMs)
    this.extend(drainTimeoutMs ?? defaultDrainTimeoutMs)
    for (const pid of generations.registry.processes.keys()) this.tell(pid)
  }

  /** Asks a process to drain and exit, once: a second SIGTERM would force it. */
  tell(pid: number): void {
    if (this.#told.has(pid)) return
    this.#told.add(pid)
    this.#generations.signal(pid, 'SIGTERM')
  }

  /** Gives this much time from now on, where it is more than what is left. */
  extend(ms: number): void {
    this.#deadline.extend(ms + marginMs)
  }

  /** How long what is left may take before it is killed, in milliseconds. */
  get leftMs(): number {
    return this.#deadline.leftMs
  }

  /** Waits no longer. */
  force(code: number): void {
    this.code = code
    this.#kill()
  }

  close(): void {
    this.#deadline.clear()
    this.#patience.clear()
    this.#stuck.clear()
  }

  #kill(): void {
    this.#deadline.clear()
    this.#stuck.set(killTimeoutMs)
    this.#generations.signalAll('SIGKILL')
  }
}
