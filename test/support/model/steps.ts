// What can happen next in a world: each step of each process, each time that runs out, each fault.
//
// A process that is stopped, or computes, or does not read, is one whose steps do not come: the others
// go on, and so every such pause at every moment is among the runs. Deadlines have no length here: one
// that runs may end at any time.

import { serves } from '../../../packages/handoff/src/protocol/machine.ts'
import {
  canFlush,
  closeOldEnd,
  fill,
  flush,
  hangUpOld,
  hasWords,
  isRendezvousHeld,
  leave,
  letters,
  say,
  take,
  typeOf,
} from './channels.ts'
import { Actor, type Release } from './processes.ts'
import type { World } from './world.ts'

export interface Step {
  /** Which process, from 0; its number for people is one more. */
  readonly by: number
  readonly what: string
  /** `fault`: what nobody promises to survive with this process; `stop`: the operator asked for it. */
  readonly kind: 'step' | 'fault' | 'stop'
  run(actor: Actor): void
}

/** All that can happen next. */
export function stepsOf(world: World, release: Release): Step[] {
  return world.processes.flatMap((process, index) => {
    const actor = new Actor(world, index, release)
    if (process.life === 'unborn') return canStart(world, index) ? [start(index)] : []
    if (process.life === 'dead') return []
    return [...newSteps(actor), ...oldSteps(actor), ...faults(actor)]
  })
}

/** Processes are alike, so the second begins before the third. */
function canStart(world: World, index: number): boolean {
  return world.processes[index - 1]?.life !== 'unborn'
}

const step = (by: number, what: string, run: Step['run'], kind: Step['kind'] = 'step'): Step => ({
  by,
  what,
  kind,
  run,
})

function start(index: number): Step {
  return step(index, 'starts', (actor) => {
    const { world, self, before } = actor
    self.life = 'alive'
    if (isRendezvousHeld(world)) {
      world.queue += index
      return actor.dispatch('new', 'connected')
    }
    before.oldEnd = 'closed'
    before.newEnd = 'closed'
    actor.dispatch('new', 'absent')
  })
}

/** In these, time can run out. */
const newDeadlines = new Set(['discover', 'receive', 'adopt', 'ready', 'alone'])
const oldDeadlines = new Set(['offer', 'send'])

function newSteps(actor: Actor): Step[] {
  const { self, index, before, hasBefore } = actor
  const steps: Step[] = []
  if (!hasBefore) return steps
  const { newState } = self
  if (before.newEnd === 'open' && before.toNew.kernel !== '') {
    steps.push(step(index, `reads ${typeOf(before.toNew.kernel[0] ?? '')}`, readAsNew))
  } else if (before.newEnd === 'open' && before.oldEnd === 'closed') {
    steps.push(step(index, 'reads the end of the channel', (of) => of.dispatchNewAfterLook('eof')))
  }
  if (canFlush(before.toOld)) steps.push(step(index, 'sends what had to wait', flushAsNew))
  if (newState === 'adopt' || newState === 'alone') {
    steps.push(step(index, 'is ready', (of) => of.dispatch('new', 'ready')))
  }
  if (newDeadlines.has(newState)) {
    steps.push(
      step(index, `runs out of time in ${newState}`, (of) => of.dispatchNewAfterLook('timeout')),
    )
  }
  if (self.opening) steps.push(step(index, 'opens', open))
  if (before.paces && before.newEnd === 'open') {
    steps.push(step(index, 'reports its pace', reportPace))
  }
  const fills = self.served && !self.released && !before.filled && before.oldEnd === 'open'
  if (fills && before.newEnd === 'open' && before.toOld.outbox === '') {
    steps.push(
      step(index, 'fills the channel with rested', (of) => {
        of.before.filled = true
        fill(of.before)
      }),
    )
  }
  return steps
}

function oldSteps(actor: Actor): Step[] {
  const { self, index, after, world, before, release } = actor
  const steps: Step[] = []
  if (after !== undefined && after.oldEnd === 'open') {
    if (after.toOld.kernel !== '') {
      const type = typeOf(after.toOld.kernel[0] ?? '')
      steps.push(step(index, `reads ${type}`, readAsOld))
      // Whether a handoff has a ramp is for both processes to want; none has one without a mark.
      if (type === 'ready' && release.mark) {
        steps.push(step(index, 'reads ready, for a ramp', (of) => readAsOld(of, 'share')))
      }
    } else if (after.newEnd === 'closed') {
      steps.push(
        step(index, 'reads the end of the channel', (of) => of.dispatchOldAfterLook('eof')),
      )
    }
    if (hasWords(after)) {
      steps.push(step(index, 'sees the mark', (of) => of.dispatchOldAfterLook(undefined)))
    }
  }
  for (const [of, handoff] of world.handoffs.entries()) {
    if (handoff.old !== index || !canFlush(handoff.toNew)) continue
    steps.push(
      step(index, `sends what had to wait to ${of + 1}`, ({ world }) => {
        const { toNew } = world.handoffs[of] as typeof handoff
        flush(toNew)
        const flushed = world.handoffs[of] as typeof handoff
        if (flushed.oldEnd === 'closing') hangUpOld(flushed)
      }),
    )
  }
  if (self.answers && world.queue !== '') steps.push(step(index, 'accepts a peer', accept))
  if (oldDeadlines.has(self.oldState)) {
    steps.push(
      step(index, `runs out of time in ${self.oldState}`, (of) =>
        of.dispatchOldAfterLook('timeout'),
      ),
    )
  }
  if (self.manifestWaits && !before.toOld.outbox.includes(letters.release)) {
    steps.push(step(index, 'sends its manifest', (of) => of.sendManifest()))
  }
  if (self.oldState === 'ramp') {
    steps.push(
      step(index, 'comes to the end of its ramp', (of) => of.dispatchOldAfterLook('ramped')),
    )
  }
  if (self.exporting) {
    steps.push(step(index, 'has exported', (of) => of.dispatch('old', 'exported')))
    steps.push(step(index, 'cannot export', (of) => of.dispatchOldAfterLook('failure')))
  }
  // In a ramp its end changes nothing, and it begins anew after that.
  if (self.probation && self.oldState !== 'ramp') {
    steps.push(
      step(index, 'comes to the end of its probation', (of) => {
        of.self.probation = false
        of.dispatchOldAfterLook('probation')
      }),
    )
  }
  const drains = release.deadlines || !(actor.takesConnections && actor.expectsConnections)
  if (self.draining && drains) {
    steps.push(
      step(index, 'is drained', (of) => {
        of.self.draining = false
        of.dispatchOldAfterLook('drained')
      }),
    )
  }
  if (self.released && !actor.takesConnections && actor.expectsConnections) {
    steps.push(step(index, 'declines connections', (of) => of.decline()))
  }
  if (self.leaving) steps.push(step(index, 'exits', (of) => of.end()))
  return steps
}

const serving = new Set(['ramp', 'drain', 'guard', 'linger'])

function faults(actor: Actor): Step[] {
  const { self, index, world, hasBefore } = actor
  if (world.faults === 0) return []
  const steps: Step[] = []
  const fault = (what: string, run: Step['run'], kind: Step['kind'] = 'fault') => {
    const spend: Step['run'] = (of) => {
      of.world.faults -= 1
      run(of)
    }
    steps.push(step(index, what, spend, kind))
  }
  fault('is killed', (of) => of.end())
  if (newDeadlines.has(self.newState)) {
    fault('fails', (of) => of.dispatch('new', 'failure'))
  }
  if (serves(self.newState) && !self.stopped) fault('is stopped by the operator', stop, 'stop')
  if (serving.has(self.oldState)) {
    fault('is told nonsense by the new process', (of) => of.dispatchOldAfterLook('failure'))
  }
  if (serves(self.newState) && hasBefore && actor.before.newEnd === 'open') {
    fault('is told nonsense by the old process', (of) => of.dispatch('new', 'failure'))
  }
  return steps
}

function stop(actor: Actor): void {
  actor.self.stopped = true
  actor.dispatchOldAfterLook('stop')
}

function accept(actor: Actor): void {
  const { world } = actor
  const [first = '', ...rest] = world.queue
  world.queue = rest.join('')
  actor.dispatch('old', 'connect', Number(first))
}

function reportPace({ before }: Actor): void {
  before.paces = false
  say(before, 'old', letters.pace)
}

function flushAsNew({ before }: Actor): void {
  flush(before.toOld)
}

/** The gates are open; unless this process was stopped meanwhile. */
function open(actor: Actor): void {
  const { self, before, world } = actor
  self.opening = false
  if (self.stopped) {
    self.listeners = false
    self.rendezvous = false
    return
  }
  self.accepts = true
  self.answers = self.newState !== 'sharing'
  self.served = true
  before.paces = world.paces && self.newState === 'sharing'
  leave(before, 'new', 'serves')
}

function readAsNew(actor: Actor): void {
  const { before, self } = actor
  const letter = take(before.toNew)
  const type = typeOf(letter)
  if (before.newDeaf) {
    if (type === 'mark') before.markNew = 'closed'
    return
  }
  if (!actor.takes('new', type)) {
    actor.world.broken = `process ${actor.index + 1} is sent ${type} in ${self.newState}`
    return
  }
  if (type === 'older') {
    self.told = true
    self.older = Number(letter)
  }
  actor.dispatch('new', type as 'manifest')
}

/** @param as - the event, where it is not the message itself. */
function readAsOld(actor: Actor, as?: 'share'): void {
  const { after, self } = actor
  if (after === undefined) return
  const type = typeOf(take(after.toOld))
  if (after.oldDeaf) return
  if (type === 'abort') return actor.dispatchOldAfterLook('abort')
  if (!actor.takes('old', type)) {
    actor.world.broken = `process ${actor.index + 1} is sent ${type} in ${self.oldState}`
    return
  }
  actor.dispatch('old', as ?? (type as 'ack'))
}

/** What the kernel, and each process that is told by it, does at once after a step. */
export function settle(world: World): void {
  if (world.queue !== '' && !isRendezvousHeld(world)) {
    // The last holder of the rendezvous socket closed it, and with it who waits there.
    for (const index of world.queue) {
      const handoff = world.handoffs[Number(index)]
      if (handoff !== undefined) closeOldEnd(handoff)
    }
    world.queue = ''
  }
  for (const [index, process] of world.processes.entries()) {
    if (process.life !== 'alive' || process.leads || !mayLead(world, index)) continue
    world.processes[index] = { ...process, leads: true }
  }
}

const beforeCommit = new Set(['serving', 'offer', 'send', 'commit'])

/** As `Leadership`. */
function mayLead(world: World, index: number): boolean {
  const process = world.processes[index]
  if (process === undefined || !process.served || !beforeCommit.has(process.oldState)) return false
  const older = world.processes.some(
    ({ life }, of) => life === 'alive' && (process.older & (1 << of)) !== 0,
  )
  if (older) return false
  const handoff = world.handoffs[index]
  const oldMayLive = index > 0 && handoff?.newEnd === 'open'
  return !oldMayLive || process.told
}
