// What a state of the old side's table is to clients, and to an operator.

import type { OldState } from '../protocol/machine.ts'
import type { ProcessStage } from '../terms/events.ts'

/** In these, clients that come are this process's, and servers may begin to listen. */
export const beforeCommit: ReadonlySet<OldState> = new Set(['serving', 'offer', 'send', 'commit'])

/** In these, a handoff is under way that can still abort. */
export const underWay: ReadonlySet<OldState> = new Set(['offer', 'send', 'commit'])

/** The stage that the process is in, as its operator sees it. */
export function stageOf(state: OldState): ProcessStage {
  switch (state) {
    case 'serving':
    case 'offer':
    case 'send':
    case 'exit':
      return state
    case 'commit':
      return 'send'
    default:
      return 'drain'
  }
}
