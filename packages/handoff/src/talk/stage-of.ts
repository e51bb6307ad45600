// The stage that a state of either table belongs to.

import { type NewState, type OldState, serves } from '../protocol/machine.ts'
import type { Stage } from '../terms/stage.ts'

/** Returns the stage in which something fails in this state of the new side. */
export function newStageOf(state: NewState): Stage {
  if (state === 'alone' || state === 'aborted') return 'adopt'
  return serves(state) ? 'ready' : state
}

/** Returns the stage of the old side; `serving` outside of any handoff. */
export function oldStageOf(state: OldState): Stage | 'serving' {
  switch (state) {
    case 'serving':
    case 'offer':
    case 'send':
    case 'ramp':
    case 'exit':
      return state
    case 'commit':
      return 'send'
    default:
      return 'drain'
  }
}

const beforeCommit: ReadonlySet<OldState> = new Set(['serving', 'offer', 'send', 'commit'])

/** Whether clients that connect still belong to this process. */
export function isBeforeCommit(state: OldState): boolean {
  return beforeCommit.has(state)
}

/** Whether this process can serve connections that arrive, whatever else does. */
export function acceptsIn(state: OldState): boolean {
  return isBeforeCommit(state) || state === 'ramp'
}

const abortable: ReadonlySet<OldState> = new Set(['offer', 'send', 'commit'])

/** Whether a handoff is under way that can still abort. */
export function canAbort(state: OldState): boolean {
  return abortable.has(state)
}
