// How the start of a process ended.

import type { HandoffErrorCode, Serving } from '../../terms/errors.ts'

/** Why a process does not serve. */
export interface Failure {
  readonly code: HandoffErrorCode
  readonly message: string
}

/** The new process serves. */
export interface Served {
  readonly ok: true
  readonly pid: number
  readonly generation: number
  readonly listeners: readonly string[]
  readonly replaces: { readonly pid: number; readonly generation: number } | null
}

/** The new process has ended without. */
export interface Failed {
  readonly ok: false
  readonly failure: Failure
  /** Who serves, by its own word. */
  readonly serving?: Serving
}

export type Outcome = Served | Failed
