// Channels of the model: bounded in the kernel, and what does not fit waits with the sender.

import {
  type MarkNews,
  type MarkWord,
  noMark,
} from '../../../packages/handoff/src/protocol/mark.ts'
import type { MessageType } from '../../../packages/handoff/src/protocol/messages.ts'
import type { Handoff, Pipe, World } from './world.ts'

/** One letter a message, so that a queue is a text. `older` is a digit: the processes that it names. */
export const letters = {
  hello: 'h',
  refuse: 'f',
  manifest: 'm',
  listeners: 'l',
  ack: 'a',
  ready: 'y',
  committed: 'c',
  drained: 'd',
  release: 'r',
  abort: 'x',
  mark: 'k',
  rested: 't',
  declined: 'n',
  pace: 'p',
  ramped: 'z',
  // It is `committed`, with a field.
  shared: 's',
} as const satisfies Partial<Record<MessageType | 'shared', string>>

type Letter = keyof typeof letters | 'older'

const types = new Map<string, Letter>(
  Object.entries(letters).map(([type, letter]) => [letter, type as Letter]),
)

/** The message of a letter. */
export function typeOf(letter: string): Letter {
  return types.get(letter) ?? 'older'
}

/** Says something. A side that hung up says nothing more, and one that is dead hears nothing. */
export function say(handoff: Handoff, to: 'old' | 'new', letter: string): void {
  const [own, other, pipe] =
    to === 'new'
      ? ([handoff.oldEnd, handoff.newEnd, handoff.toNew] as const)
      : ([handoff.newEnd, handoff.oldEnd, handoff.toOld] as const)
  if (own !== 'open' || other === 'closed') {
    if (letter === letters.mark) handoff.markNew = 'closed'
    return
  }
  pipe.outbox += letter
  flush(pipe)
}

/** The kernel takes what it has room for. */
export function flush(pipe: Pipe): void {
  const room = pipe.room - pipe.kernel.length
  if (room <= 0 || pipe.outbox === '') return
  pipe.kernel += pipe.outbox.slice(0, room)
  pipe.outbox = pipe.outbox.slice(room)
}

export function canFlush(pipe: Pipe): boolean {
  return pipe.outbox !== '' && pipe.kernel.length < pipe.room
}

/**
 * Takes what was said first. Several `rested` are taken at once: they do nothing but fill the channel.
 */
export function take(pipe: Pipe): string {
  const letter = pipe.kernel[0] as string
  const count = letter === letters.rested ? /^t+/.exec(pipe.kernel)?.[0].length : 1
  pipe.kernel = pipe.kernel.slice(count)
  return letter
}

/** Fills what room there is with messages that need not be read in time. */
export function fill(handoff: Handoff): void {
  const { toOld } = handoff
  toOld.kernel += letters.rested.repeat(toOld.room - toOld.kernel.length)
}

/** The new process, or its death, closes its end at once: what the kernel does not have yet is lost. */
export function closeNewEnd(handoff: Handoff): void {
  handoff.newEnd = 'closed'
  handoff.toOld.outbox = ''
  drop(handoff.toNew, handoff)
  if (handoff.markNew !== 'none') handoff.markNew = 'closed'
}

/** The death of the old process. */
export function closeOldEnd(handoff: Handoff): void {
  handoff.oldEnd = 'closed'
  if (handoff.toNew.outbox.includes(letters.mark)) handoff.markNew = 'closed'
  handoff.toNew.outbox = ''
  drop(handoff.toOld, handoff)
  if (handoff.markOld !== 'none') handoff.markOld = 'closed'
}

/** The old process hangs up: its end stays open until the kernel has all that was said. */
export function hangUpOld(handoff: Handoff): void {
  if (handoff.oldEnd === 'closed') return
  if (handoff.newEnd === 'closed' || handoff.toNew.outbox === '') closeOldEnd(handoff)
  else handoff.oldEnd = 'closing'
}

/** Nobody will read it; descriptors on their way are closed. */
function drop(pipe: Pipe, handoff: Handoff): void {
  if (pipe.kernel.includes(letters.mark)) handoff.markNew = 'closed'
  pipe.kernel = ''
  pipe.outbox = ''
}

const bits: Record<MarkWord, number> = { serves: 1, released: 2, aborted: 4 }
const words = Object.keys(bits) as MarkWord[]

/** Leaves a word, if this side has its end of the mark. */
export function leave(handoff: Handoff, by: 'old' | 'new', word: MarkWord): void {
  const held = by === 'old' ? handoff.markOld === 'held' : handoff.markNew === 'held'
  if (held) handoff.left |= bits[word]
}

/** What the other side has left since the last look. */
export function look(handoff: Handoff, by: 'old' | 'new'): MarkNews {
  const [own, other] =
    by === 'old' ? [handoff.markOld, handoff.markNew] : [handoff.markNew, handoff.markOld]
  if (own !== 'held') return noMark
  const heard = by === 'old' ? bits.serves | bits.released : bits.aborted
  const fresh = handoff.left & ~handoff.seen & heard
  handoff.seen |= fresh
  return {
    words: words.filter((word) => (fresh & bits[word]) !== 0),
    ended: other === 'closed',
    serves: (handoff.seen & bits.serves) !== 0,
  }
}

/** Whether a look would find words. */
export function hasWords(handoff: Handoff): boolean {
  const heard = bits.serves | bits.released
  return handoff.markOld === 'held' && (handoff.left & ~handoff.seen & heard) !== 0
}

/** Whether the kernel knows that the new process let the old one go. */
export function wasReleased(handoff: Handoff): boolean {
  return (handoff.left & bits.released) !== 0
}

/** Whether the kernel knows that the old process aborted. */
export function wasAborted(handoff: Handoff): boolean {
  return (handoff.left & bits.aborted) !== 0
}

/** Whether any process, or the kernel on the way to one, has the rendezvous socket open. */
export function isRendezvousHeld(world: World): boolean {
  return isHeld(world, 'rendezvous')
}

export function isHeld(world: World, what: 'rendezvous' | 'listeners'): boolean {
  return (
    world.processes.some((process) => process[what]) ||
    world.handoffs.some(({ toNew }) => toNew.kernel.includes(letters.listeners))
  )
}
