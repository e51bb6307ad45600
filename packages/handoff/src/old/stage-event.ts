// The events that the old side reports when a state is entered.

import type { OldState } from '../protocol/machine.ts'
import type { HandoffError } from '../terms/errors.ts'
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

/**
 * Returns the event for a handoff that was aborted before the commit.
 *
 * @param before - the state in which that happened.
 * @param peer - the pid of the new process.
 */
export function abortedEvent(
  before: OldState,
  { code, reason }: HandoffError,
  peer: number,
): HandoffEventBody {
  const stage = before === 'offer' ? 'offer' : 'send'
  return { type: 'aborted', stage, code, message: reason, serving: 'old', peer }
}
