// What must hold in every world, after every step, and at the end of every run.

import { serves } from '../../../packages/handoff/src/protocol/machine.ts'
import { isHeld, wasAborted, wasReleased } from './channels.ts'
import type { Step } from './steps.ts'
import type { Process, World } from './world.ts'

/** What is wrong with a world that a step led to, in a sentence; undefined where nothing is. */
export function faultOf(before: World, step: Step, after: World): string | undefined {
  return broken(after) ?? two(after) ?? descriptors(after) ?? lost(before, step, after)
}

/** What is wrong with a world in which nothing can happen any more. */
export function faultOfEnd(world: World): string | undefined {
  const alive = world.processes.filter(({ life }) => life === 'alive')
  const idle = alive.filter(({ accepts, stopped }) => !accepts && !stopped)
  if (idle.length > 0) return 'a process waits for ever'
  for (const [index, handoff] of world.handoffs.entries()) {
    const { life } = world.processes[index] as Process
    if (life !== 'alive') continue
    const old = world.processes[handoff.old]
    const open = handoff.newEnd === 'open' || handoff.markNew === 'held'
    if (index > 0 && open && old?.life !== 'alive') return 'a channel to a dead process stays open'
  }
  return undefined
}

function broken({ broken }: World): string | undefined {
  return broken === '' ? undefined : broken
}

function two({ processes }: World): string | undefined {
  let [accept, answer, lines] = [0, 0, 0]
  for (const process of processes) {
    if (process.accepts) accept += 1
    if (process.answers) answer += 1
    if (!process.leads) continue
    // One that found no old process is not in the line of those that still drain: docs/limits.md.
    if ((lines & (1 << process.line)) !== 0) return 'two processes of one line lead'
    lines |= 1 << process.line
  }
  if (accept > 1 && !(accept === 2 && processes.some(isRamp))) return 'two processes serve'
  return answer > 1 ? 'two processes answer at the rendezvous socket' : undefined
}

/** Whether this process accepts beside its successor, as it may in one state alone. */
function isRamp(
  { accepts, oldState, peer }: Process,
  _: number,
  processes: readonly Process[],
): boolean {
  return accepts && oldState === 'ramp' && processes[peer]?.accepts === true
}

const letGo = new Set(['released', 'stopping', 'exit'])

/** Every descriptor has an owner that has a use for it. */
function descriptors({ processes, handoffs }: World): string | undefined {
  for (const process of processes) {
    if (!process.listeners && !process.rendezvous) continue
    const { newState, oldState, opening } = process
    if (letGo.has(oldState) && !opening) return `listeners are still open in ${oldState}`
    if (newState === 'aborted') return 'listeners are still open in aborted'
    if (process.accepts && !process.listeners) return 'a process serves without a listener'
  }
  for (const { markOld, markNew, oldEnd, newEnd } of handoffs) {
    if (markOld === 'held' && oldEnd === 'closed') return 'the mark stays open in the old process'
    if (markNew === 'held' && newEnd === 'closed') return 'the mark stays open in the new process'
    if (markNew === 'sent' && newEnd === 'closed') return 'the mark stays open on its way'
  }
  return undefined
}

/**
 * Somebody keeps the service: he accepts, or will by himself. Only a death, or the operator, may take
 * the last one away.
 */
function lost(before: World, step: Step, after: World): string | undefined {
  if (step.kind !== 'step' || isKept(after) || !isKept(before)) return undefined
  return isHeld(after, 'listeners')
    ? 'nobody serves any more, though the listeners are open'
    : 'nobody serves any more'
}

const keeps = new Set(['serving', 'offer', 'send', 'commit', 'ramp', 'drain', 'guard', 'linger'])

function isKept(world: World): boolean {
  return world.processes.some((process, index) => {
    const { life, stopped, listeners, newState, oldState, peer } = process
    if (life !== 'alive' || stopped || !listeners) return false
    if (serves(newState)) {
      const handoff = world.handoffs[peer]
      return keeps.has(oldState) && !(handoff !== undefined && wasReleased(handoff))
    }
    // It will serve when it reads that, or the end of the channel.
    const handoff = world.handoffs[index]
    if (newState !== 'ready' || handoff === undefined || wasAborted(handoff)) return false
    return handoff.oldEnd === 'closed' && !/[xf]/.test(handoff.toNew.kernel)
  })
}
