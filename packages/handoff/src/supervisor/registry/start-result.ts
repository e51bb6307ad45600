// How the start of a process ended.

import type { HandoffErrorCode, Serving } from '../../terms/errors.ts'
import type { ProcessName } from './registry.ts'

/** Why a process does not serve. */
export interface Failure {
  readonly code: HandoffErrorCode
  readonly message: string
}

/** The new process serves. */
export interface Served extends ProcessName {
  readonly ok: true
  readonly listeners: readonly string[]
  /** The old process; null if there was none. Its pid is 0 if it is not known here. */
  readonly replaces: ProcessName | null
}

/** The new process does not serve. */
export interface NotServed {
  readonly ok: false
  readonly failure: Failure
  /** Which process serves after it. */
  readonly serving: Serving
}

export type StartResult = Served | NotServed
