// What a worker is told, and what it tells.

import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import type { RunDirectory } from '../../../io/rendezvous/run-directory.ts'
import type { Serving } from '../../../terms/errors.ts'
import type { HandoffEvent } from '../../../terms/events.ts'
import type { Premises } from '../../place/premises.ts'
import type { Timeouts } from '../../program/environment.ts'
import type { Program } from '../../program/program.ts'
import type { Failure } from '../../registry/outcome.ts'
import type { WorkerSnapshot } from '../../registry/snapshot.ts'
import type { Line } from '../../text/announce.ts'

/** A worker, as another one sees it that begins where it is. */
export interface OtherWorker {
  /** The listeners of its process that are kept for a crash. */
  readonly kept: readonly NamedDescriptor[]
  /** The process that serves. */
  readonly serving: { readonly generation: number } | undefined
}

export interface WorkerOptions {
  /** From 1. */
  readonly number: number
  /** Of the run. */
  readonly name: string
  readonly program: Program
  /** Of this worker. */
  readonly directory: RunDirectory
  readonly timeouts: Timeouts
  /** What the supervisor has in the directory of the run. */
  readonly premises: Pick<Premises, 'check' | 'wereRenewed'>
  /** What follows when the very first start fails: the end with 1, another one, or nothing. */
  readonly onFirstFailure: 'end' | 'retry' | 'wait'
  /** Listeners that the supervisor was started with, by socket activation. */
  readonly inherited: readonly NamedDescriptor[]
  /** As the release before has left it, in this very process. */
  readonly resumed?: WorkerSnapshot | undefined
  /** All other workers of the run, in the order of their numbers. */
  others(): readonly OtherWorker[]
  /** Whether this server is the whole run, which ends when it ends by itself. */
  isAlone(): boolean
  announce(line: Line): void
  /** The first start waits for a process that is not ours, for so many milliseconds at most. */
  onWaiting(ms: number): void
  /** A start has ended, one way or the other. */
  onLaunched(): void
  /** The server has ended by itself, and so does the run. */
  onFinished(): void
}

/** Follows what the processes do, for as long as it is subscribed. */
export interface Observer {
  heard?(pid: number, event: HandoffEvent): void
  gone?(pid: number): void
  /** A process has shown that its event loop turns. */
  turned?(pid: number): void
}

/** What to start, and from whom it takes over beside the process that serves here. */
export interface LaunchRequest {
  /** Absent: what is in force. It is in force from the moment at which it serves. */
  readonly program?: Program | undefined
  /** Rendezvous sockets. */
  readonly joins?: readonly string[]
  /** Listeners of the old process that the new one may leave out. */
  readonly drop?: readonly string[] | undefined
}

/** How a start ended, and who serves. */
export type LaunchResult =
  | {
      readonly ok: true
      readonly pid: number
      readonly generation: number
      /** The pid of the old process. */
      readonly replaces: number | undefined
    }
  | { readonly ok: false; readonly failure: Failure; readonly serving: Serving }
