// The options of a worker.

import type { RunFiles } from '../place/run-files.ts'
import type { Timeouts } from '../program/environment.ts'
import type { Program } from '../program/program.ts'
import type { WorkerSnapshot } from '../registry/snapshot.ts'
import type { StartOptions } from './start/start-options.ts'

export interface WorkerOptions extends StartOptions {
  /** Of the run. */
  readonly name: string
  readonly program: Program
  readonly timeouts: Timeouts
  /** The files and sockets of the supervisor in the directory of the run. */
  readonly files: Pick<RunFiles, 'check' | 'wereRenewed'>
  /** What follows if the very first start fails: the run ends with 1, another start, or nothing. */
  readonly onFirstFailure: 'end' | 'retry' | 'wait'
  /** How long after a start the next process is started ahead, and waits, in milliseconds; undefined: not at all. */
  readonly aheadMs: number | undefined
  /** The state that the release before has left in this process. */
  readonly resumed?: WorkerSnapshot | undefined
  /** Whether this worker is the whole run, which ends when its server ends by itself. */
  isAlone(): boolean
  /** A start has ended, whether it served or failed. */
  onStarted(): void
  /** The server has ended by itself, and so does the run. */
  onFinished(): void
}
