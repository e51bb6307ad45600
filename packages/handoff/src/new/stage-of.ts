// What a state of the new side's table is to an operator.

import type { NewState } from '../protocol/machine.ts'
import type { Messages } from '../protocol/messages.ts'
import type { HandoffEventBody, Stage } from '../terms/events.ts'
import { plural } from '../terms/plural.ts'

/** The stage in which something failed. */
export function stageOf(state: NewState): Stage {
  if (state === 'alone' || state === 'aborted') return 'adopt'
  return state === 'serving' ? 'ready' : state
}

/** What is told when a state is entered, where that is the begin of a stage. */
export function stageEvent(
  state: NewState,
  manifest: Messages['manifest'] | undefined,
): HandoffEventBody | undefined {
  const detail = detailOf(state, manifest)
  return detail === undefined ? undefined : { type: 'stage', stage: stageOf(state), detail }
}

function detailOf(state: NewState, manifest: Messages['manifest'] | undefined): string | undefined {
  switch (state) {
    case 'receive': {
      const { pid = 0, generation = 0, listeners = [] } = manifest ?? {}
      // The last one is the rendezvous socket.
      const offered = plural(Math.max(0, listeners.length - 1), 'listener')
      return `${offered} of generation ${generation} (pid ${pid})`
    }
    case 'adopt':
      return 'the application starts'
    case 'alone':
      return 'no old process'
    case 'ready':
      return 'waiting for the commit'
    default:
      return undefined
  }
}
