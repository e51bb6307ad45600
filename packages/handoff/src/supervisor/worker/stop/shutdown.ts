// Ends the processes of a worker: each of them drains and exits, within a deadline.

import type { Generations } from '../../processes/generations.ts'
import { Deadline } from './deadline.ts'

/** 30 seconds, as the default of `drainTimeoutMs`. */
const defaultDrainTimeoutMs = 30_000
/** A process keeps its own deadline and closes its server after it. This margin is for a process that hangs. */
const marginMs = 10_000
/** How long a process may take to end after the second SIGTERM, in milliseconds. */
const forcedMs = 1_000
/** How long the end of a process that was killed may take, in milliseconds. */
const killTimeoutMs = 10_000

export interface ShutdownOptions {
  readonly drainTimeoutMs: number | undefined
  /** After so many milliseconds processes get a second SIGTERM, which ends them immediately. */
  readonly patienceMs?: number | undefined
  /** The processes get their second SIGTERM. */
  onImpatient?(): void
  /** The deadline is over, and the processes that are left are killed. */
  onDeadline(): void
  /** These processes were killed and have not ended: they wait in the kernel. */
  onStuck(pids: readonly number[]): void
}

export class Shutdown {
  /** The exit code of the supervisor. */
  code = 0
  readonly #generations: Generations
  readonly #deadline: Deadline
  readonly #patience: Deadline
  readonly #asked = new Set<number>()
  readonly #stuck: Deadline

  /** Asks every process to drain and exit. */
  constructor(generations: Generations, options: ShutdownOptions) {
    const { drainTimeoutMs, patienceMs, onImpatient, onDeadline, onStuck } = options
    this.#generations = generations
    this.#deadline = new Deadline(() => {
      onDeadline()
      this.#killAll()
    })
    this.#stuck = new Deadline(() => onStuck([...generations.registry.processes.keys()]))
    this.#patience = new Deadline(() => {
      onImpatient?.()
      generations.signalAll('SIGTERM')
      this.#deadline.set(forcedMs)
    })
    if (patienceMs !== undefined) this.#patience.set(patienceMs)
    this.extend(drainTimeoutMs ?? defaultDrainTimeoutMs)
    for (const pid of generations.registry.processes.keys()) this.ask(pid)
  }

  /** Sends SIGTERM to a process, once: a second one would end it immediately. */
  ask(pid: number): void {
    if (this.#asked.has(pid)) return
    this.#asked.add(pid)
    this.#generations.signal(pid, 'SIGTERM')
  }

  /** Gives a process so many milliseconds from now on, and the margin. It never takes time away. */
  extend(ms: number): void {
    this.#deadline.extend(ms + marginMs)
  }

  /** How long until the processes that are left are killed, in milliseconds. */
  get leftMs(): number {
    return this.#deadline.leftMs
  }

  /** Kills every process now. */
  kill(code: number): void {
    this.code = code
    this.#killAll()
  }

  close(): void {
    this.#deadline.clear()
    this.#patience.clear()
    this.#stuck.clear()
  }

  #killAll(): void {
    this.#deadline.clear()
    this.#stuck.set(killTimeoutMs)
    this.#generations.signalAll('SIGKILL')
  }
}
