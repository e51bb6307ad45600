// The mark of a handoff: words that one side leaves for the other, and that the kernel keeps.
//
// The other side knows a message of the channel only when it has read all that came before it, and
// the message may still be in the sender's own queue when the sender dies. A word on the mark is one
// byte on a socket pair of its own. It is written immediately and never waited for. The other side
// reads the mark, without waiting, before it acts on the end of the channel or on its own deadline.

import {
  type NewEvent,
  type NewState,
  type OldEvent,
  type OldState,
  serves,
} from './transitions.ts'

/** What can be left on the mark, and its byte. */
export const markBytes = {
  /** new → old: I serve. */
  serves: 0x53, // S
  /** new → old: do not take back any more. */
  released: 0x52, // R
  /** old → new: I aborted, so my end is no reason to go on alone. */
  aborted: 0x41, // A
} as const

export type MarkWord = keyof typeof markBytes

/** What was read from the mark since the last time. */
export interface MarkNews {
  readonly words: readonly MarkWord[]
  /** The other side has closed its end: it is dead, and the end of the channel is on its way. */
  readonly ended: boolean
  /** Whether the new process serves, for all that is known by now. */
  readonly serves: boolean
}

/** The news from a peer that knows no mark: its messages alone count. */
export const noMark: MarkNews = { words: [], ended: false, serves: true }

/** The words that each side acts on, and the event that each of them is. */
const wordEvents = {
  old: { serves: 'served', released: 'release' },
  new: { aborted: 'abort' },
} as const satisfies {
  old: Partial<Record<MarkWord, OldEvent>>
  new: Partial<Record<MarkWord, NewEvent>>
}

/** What an old process may learn from its mark, beside the event that it is about to act on. */
export type OldMarkEvent = 'served' | 'release' | 'died'

/** In these states an old process can take back. */
const mayTakeBackIn: ReadonlySet<OldState> = new Set(['ramp', 'drain', 'guard', 'linger'])

/**
 * Returns the events that an old process acts on if `event` comes and the mark says this. A word
 * comes before the event, so a released process never takes back. A process that may take back does
 * not leave because its time is over, or because its last connection has ended, if the new process
 * has died: it waits for the end of the channel. Its time is not over before the new process serves,
 * however long that takes, and neither is a ramp.
 */
export function oldEventsAfterMark<E extends OldEvent>(
  state: OldState,
  event: E | undefined,
  { words, ended, serves }: MarkNews,
): (E | OldMarkEvent)[] {
  const events: (E | OldMarkEvent)[] = eventsOf(wordEvents.old, words)
  const mayTakeBack = mayTakeBackIn.has(state) && !words.includes('released')
  const died = ended && mayTakeBack
  if (died && event === 'drained') events.push('died')
  const isTooEarly = mayTakeBack && (died || !serves)
  const waits = event === 'probation' || event === 'ramped'
  if (event !== undefined && !(waits && isTooEarly)) events.push(event)
  return events
}

/**
 * Returns the events that a new process acts on if `event` comes and the mark says this. An old
 * process that aborted is not dead. One that died after `ready` leaves the service to this process,
 * which then does not give up because of a deadline: it waits for the end of the channel.
 */
export function newEventsAfterMark<E extends NewEvent>(
  state: NewState,
  event: E,
  { words, ended }: MarkNews,
): (E | 'abort')[] {
  const events: (E | 'abort')[] = serves(state) ? [] : eventsOf(wordEvents.new, words)
  const died = ended && !events.includes('abort') && state === 'ready'
  if (!(event === 'timeout' && died)) events.push(event)
  return events
}

function eventsOf<E>(events: Partial<Record<MarkWord, E>>, words: readonly MarkWord[]): E[] {
  return words.flatMap((word) => events[word] ?? [])
}
