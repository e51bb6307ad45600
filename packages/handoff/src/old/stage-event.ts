// The event that the old side reports when a state is entered.

import type { OldState } from '../protocol/machine.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import { plural } from '../terms/plural.ts'

/**
 * Returns the event for entering this state; undefined if no stage begins with it.
 *
 * @param name - of the new process.
 * @param listeners - how many it is offered.
 */
export function stageEvent(
  state: OldState,
  name: string,
  listeners: number,
): HandoffEventBody | undefined {
  switch (state) {
    case 'offer':
      return { type: 'stage', stage: 'offer', detail: `to ${name}` }
    case 'send':
      return { type: 'stage', stage: 'send', detail: `${plural(listeners, 'listener')} to ${name}` }
    default:
      return undefined
  }
}
