// The read-only side of a worker: the state of its processes.

import type { NamedDescriptor } from '../../io/listeners/inherited-variables.ts'
import type { Generations } from '../processes/generations.ts'
import type { Program } from '../program/program.ts'
import type { ProcessRecord, Registry } from '../registry/registry.ts'
import type { Status } from '../registry/run-status.ts'
import type { WorkerSnapshot } from '../registry/snapshot.ts'
import type { Failure } from '../registry/start-result.ts'
import { surplusGenerations } from './generation-limit.ts'
import type { Recovery } from './recovery.ts'
import type { Starter } from './start/starter.ts'
import type { HangGuard } from './stop/hang-guard.ts'
import type { WorkerStop } from './stop/worker-stop.ts'
import type { WorkerMemory } from './worker-memory.ts'

export interface WorkerParts {
  /** Path of the rendezvous socket. */
  readonly rendezvous: string
  readonly generations: Generations
  readonly starter: Starter
  readonly recovery: Recovery
  readonly guard: HangGuard
  readonly memory: WorkerMemory
  readonly stop: WorkerStop
}

export abstract class WorkerView {
  readonly number: number
  protected abstract readonly parts: WorkerParts

  constructor(number: number) {
    this.number = number
  }

  /** The process that serves. */
  get serving(): ProcessRecord | undefined {
    return this.parts.generations.serving
  }

  /** Its processes, all of them alive. */
  get registry(): Registry {
    this.parts.generations.refresh()
    return this.parts.generations.registry
  }

  get backoff(): Status['backoff'] {
    return this.parts.recovery.backoff
  }

  /** The process that was started ahead of the next reload. */
  get standby(): number | undefined {
    return this.parts.generations.standby?.pid
  }

  /** The program that the next start runs. */
  get program(): Program {
    return this.parts.memory.programs.inForce
  }

  /** Path at which other processes find the process that serves. */
  get rendezvous(): string {
    return this.parts.rendezvous
  }

  /** Whether it has ever served, as far as this supervisor knows. */
  get hasServed(): boolean {
    return this.parts.memory.hasServed
  }

  /** Why its processes end: the run is stopping. Undefined before the stop. */
  get stopping(): Failure | undefined {
    return this.parts.stop.failure
  }

  /** Whether it has handed over to another worker. */
  get hasLeft(): boolean {
    return this.parts.memory.place === 'left'
  }

  /** Whether it has nothing to hand over. */
  get isUnused(): boolean {
    return (
      this.parts.generations.registry.processes.size === 0 && !this.busy && this.kept.length === 0
    )
  }

  /** The process that is about to serve. */
  get starting(): number | undefined {
    return this.parts.starter.pid
  }

  /** Whether a start is under way. */
  get busy(): boolean {
    return this.parts.starter.busy
  }

  /** Resolves when no start is under way. */
  idle(): Promise<void> {
    return this.parts.starter.idle()
  }

  /** The listeners that are kept in case the process that serves crashes. */
  get kept(): readonly NamedDescriptor[] {
    return this.parts.memory.store.stored
  }

  /** Resolves when all listeners of the process that serves are {@link kept}. */
  allKept(): Promise<void> {
    return this.parts.memory.store.allKept(this.serving?.listeners ?? [])
  }

  /** Whether a process of this pid lives. */
  has(pid: number): boolean {
    return this.parts.generations.registry.processes.has(pid)
  }

  /** How long the process that serves has reported nothing, in milliseconds. */
  get silentMs(): number {
    const { serving } = this
    return serving === undefined ? 0 : (this.silentMsOf(serving.pid) ?? 0)
  }

  /** How long a process has reported nothing, in milliseconds; undefined if it does not report at an interval. */
  silentMsOf(pid: number): number | undefined {
    return this.parts.guard.silentMs(pid)
  }

  /** Whether the event loop of a process has run since it began to serve, as far as is known. */
  isProvenAlive(pid: number): boolean {
    return this.parts.guard.isProvenAlive(pid)
  }

  /** Why the supervisor has killed a process that hung, such as `sent no report for 5 s`. */
  killReason(pid: number): string | undefined {
    return this.parts.guard.killReason(pid)
  }

  /** The state for the next release. No start may be under way. */
  snapshot(): WorkerSnapshot {
    const { generations, memory } = this.parts
    return { ...generations.snapshot(), ...memory.snapshot(), number: this.number }
  }

  /** The generations that have to end before one more is started, the oldest first. */
  surplusGenerations(most: number): ProcessRecord[] {
    return surplusGenerations(this.parts.generations.registry, most)
  }
}
