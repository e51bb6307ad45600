// The options by which a worker starts its processes.

import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import type { RunDirectory } from '../../../io/rendezvous/run-directory.ts'
import type { Timeouts } from '../../program/environment.ts'
import type { Program } from '../../program/program.ts'
import type { Announcement } from '../../text/announcements.ts'

/** Another worker of the run, from which a new worker gets the places to listen. */
export interface OtherWorker {
  /** The listeners of its process that are kept for a crash. */
  readonly kept: readonly NamedDescriptor[]
  /** The process that serves. */
  readonly serving: { readonly generation: number } | undefined
}

export interface StartOptions {
  /** Of the worker, from 1. */
  readonly number: number
  /** Of the worker. */
  readonly directory: RunDirectory
  readonly timeouts: Timeouts
  /** Listeners that the supervisor was started with, by socket activation. */
  readonly inherited: readonly NamedDescriptor[]
  /** All other workers of the run, in the order of their numbers. */
  others(): readonly OtherWorker[]
  announce(line: Announcement): void
  /** The first start waits for a process of an earlier supervisor, for so many milliseconds at most. */
  onWaiting(ms: number): void
}

/** What to start, and which processes the new process takes over from. */
export interface StartRequest {
  /** Absent: the program in force. A program is in force from the moment at which it serves. */
  readonly program?: Program | undefined
  /** Rendezvous sockets of other workers from which the new process takes over, too. */
  readonly joins?: readonly string[]
  /** Listeners of the old process that the new one may leave out. */
  readonly drop?: readonly string[] | undefined
}
