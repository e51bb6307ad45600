// What the old side as a whole asks of the process around it.

import type { HandoffError } from '../terms/errors.ts'
import type { RetirementContext } from './drain/retirement.ts'
import type { OfferingContext } from './offer/offering.ts'
import type { SuccessorContext } from './offer/successor.ts'

export interface SuccessionContext extends OfferingContext, RetirementContext, SuccessorContext {
  /**
   * Releases the generation before this one: it need not take back any more.
   *
   * @returns a promise if it cannot know that yet: it resolves when it will.
   */
  releaseOld(): Promise<unknown> | undefined
  /** The handoff with this peer has ended: committed, or aborted with its reason. */
  ended(peer: number, error?: HandoffError): void
  /** New connections go to this peer alone; or, with an error, none do, since it died in the ramp. */
  replaced(peer: number, error?: HandoffError): void
  /** The new process has not answered for so long since its commit. */
  silent(peer: number, ms: number): void
  /** The end: exit hooks, then exit. */
  leave(): void
}
