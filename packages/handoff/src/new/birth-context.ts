// What the new side as a whole asks of the process around it.

import type { GenerationLine } from '../generation/generation-line.ts'
import type { HandoffError } from '../terms/errors.ts'
import type { Settings } from '../terms/options.ts'
import type { PassingContext } from './connections/intake.ts'
import type { OpeningContext } from './opening.ts'
import type { StateImportsContext } from './state/state-imports.ts'

export interface BirthContext extends OpeningContext, StateImportsContext, PassingContext {
  readonly settings: Settings
  readonly line: GenerationLine
  /** This process serves, or the old process has gone. */
  changed(): void
  /** This process will never serve. */
  gaveUp(error: HandoffError): void
}
