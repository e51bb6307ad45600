// An error as a fact: what cannot be done, and what to do.

import { HandoffError } from '../../terms/errors.ts'

/** A {@link HandoffError} in two parts: its reason, and its sentence of help. */
export interface Trouble {
  readonly reason: string
  readonly help: string
}

/** Runs a step that throws a {@link HandoffError} when it cannot. */
export function troubleOf(step: () => unknown): Trouble | undefined {
  try {
    step()
    return undefined
  } catch (error) {
    if (!(error instanceof HandoffError)) throw error
    return { reason: error.reason, help: error.message.slice(error.reason.length + 2) }
  }
}
