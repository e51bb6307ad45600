// The event that the new side reports when a stage begins.

import type { NewState } from '../protocol/machine.ts'
import type { Messages } from '../protocol/messages.ts'
import { newStageOf } from '../talk/stage-of.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import { plural } from '../terms/plural.ts'

/** Returns the event for entering this state; undefined if no stage begins with it. */
export function stageEvent(
  state: NewState,
  manifest: Messages['manifest'] | undefined,
): HandoffEventBody | undefined {
  const detail = detailOf(state, manifest)
  return detail === undefined ? undefined : { type: 'stage', stage: newStageOf(state), detail }
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
