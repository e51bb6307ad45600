// What a worker answers to questions about its processes.

import type { NamedDescriptor } from '../../io/listeners/inherited-variables.ts'
import type { Generations } from '../processes/generations.ts'
import type { Program } from '../program/program.ts'
import type { ProcessRecord, Registry } from '../registry/registry.ts'
import type { WorkerSnapshot } from '../registry/snapshot.ts'
import type { Status } from '../registry/status.ts'
import { surplusGenerations } from './generation-limit.ts'
import type { WorkerMemory } from './memory.ts'
import type { Recovery } from './recovery.ts'
import type { Launcher } from './start/launcher.ts'
import type { HangGuard } from './stop/hang-guard.ts'

/** What has the answers. */
export interface WorkerParts {
  /** Path of the rendezvous socket. */
  readonly rendezvous: string
  readonly generations: Generations
  readonly launcher: Launcher
  readonly recovery: Recovery
  readonly guard: HangGuard
  readonly memory: WorkerMemory
}

export abstract class WorkerAnswers {
  readonly number: number
  protected abstract readonly parts: WorkerParts

  constructor(number: number) {
    this.number = number
  }

  /** The process that serves. */
  get serving(): ProcessRecord | undefined {
    return this.parts.generations.serving
  }

  /** Its processes, each of them alive. */
  get registry(): Registry {
    this.parts.generations.check()
    return this.parts.generations.registry
  }

  get backoff(): Status['backoff'] {
    return this.parts.recovery.backoff
  }

  /** What the next start starts. */
  get program(): Program {
    return this.parts.memory.programs.inForce
  }

  /** Where other processes find the one that serves. */
  get rendezvous(): string {
    return this.parts.rendezvous
  }

  /** Whether it has ever served, as far as this supervisor knows. */
  get hasServed(): boolean {
    return this.parts.memory.hasServed
  }

  /** Whether it has handed over to another worker. */
  get hasLeft(): boolean {
    return this.parts.memory.place === 'left'
  }

  /** Whether there is nothing that it could hand over. */
  get isUnused(): boolean {
    return (
      this.parts.generations.registry.processes.size === 0 && !this.busy && this.kept.length === 0
    )
  }

  /** The process that is on its way to serve. */
  get starting(): number | undefined {
    return this.parts.launcher.pid
  }

  /** Whether a start is on its way. */
  get busy(): boolean {
    return this.parts.launcher.busy
  }

  /** Resolves when no start is on its way. */
  idle(): Promise<void> {
    return this.parts.launcher.idle()
  }

  /** The listeners kept for a crash of the process that serves. */
  get kept(): readonly NamedDescriptor[] {
    return this.parts.memory.store.stored
  }

  /** Resolves when all that the process that serves listens on is {@link kept}. */
  keepsAll(): Promise<void> {
    return this.parts.memory.store.keeps(this.serving?.listeners ?? [])
  }

  /** Whether there still is a process with this pid. */
  has(pid: number): boolean {
    return this.parts.generations.registry.processes.has(pid)
  }

  /** How long the process that serves has said nothing, in milliseconds. */
  get silentMs(): number {
    const { serving } = this
    return serving === undefined ? 0 : (this.silentMsOf(serving.pid) ?? 0)
  }

  /** How long a process has said nothing, in milliseconds; undefined if it does not report. */
  silentMsOf(pid: number): number | undefined {
    return this.parts.guard.silentMs(pid)
  }

  /** Whether the event loop of a process has turned since it began to serve, as far as is known. */
  hasTurned(pid: number): boolean {
    return this.parts.guard.hasTurned(pid)
  }

  /** Why this supervisor has killed a process that hung, as words about it; undefined if it has not. */
  reasonOf(pid: number): string | undefined {
    return this.parts.guard.reasonOf(pid)
  }

  /** What the next release needs to know; nothing may be on its way. */
  snapshot(): WorkerSnapshot {
    const { generations, memory } = this.parts
    return { ...generations.snapshot(), ...memory.snapshot(), number: this.number }
  }

  /** The generations that have to end before one more is started, the oldest first. */
  surplus(most: number): ProcessRecord[] {
    return surplusGenerations(this.parts.generations.registry, most)
  }
}
