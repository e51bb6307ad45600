// Splits an error into its reason and its help.

import { HandoffError } from '../../terms/errors.ts'

/** The two parts of a {@link HandoffError}: its reason, and its sentence of help. */
export interface Trouble {
  readonly reason: string
  readonly help: string
}

/** Runs a step, and returns its {@link HandoffError}, if any. */
export function troubleOf(step: () => unknown): Trouble | undefined {
  try {
    step()
    return undefined
  } catch (error) {
    if (!(error instanceof HandoffError)) throw error
    return { reason: error.reason, help: error.message.slice(error.reason.length + 2) }
  }
}
