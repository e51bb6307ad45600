// The mark of a handoff: words that one side leaves for the other, and that the kernel keeps.
//
// A message in the channel is known only when the other side has read all that came before it, and
// it may still lie in the sender's own queue when the sender dies. A word on the mark is one byte on
// a socket pair of its own, written at once and never waited for. The other side looks at the mark,
// without waiting, before it acts on the end of the channel or on a deadline of its own.

import type { NewEvent, NewState, OldEvent, OldState, Role } from './transitions.ts'

/** What can be left on the mark, and its byte. */
export const markBytes = {
  /** new → old: I serve. */
  serves: 0x53, // S
  /** new → old: you need not take back any more. */
  released: 0x52, // R
  /** old → new: I gave up, so my end is no reason to go on alone. */
  aborted: 0x41, // A
} as const

export type MarkWord = keyof typeof markBytes

/** What a look at the mark has found since the last one. */
export interface MarkNews {
  readonly words: readonly MarkWord[]
  /** The other side has closed its end: it is dead, and the end of the channel is on its way. */
  readonly ended: boolean
  /** Whether the new process serves, for all that is known by now. */
  readonly serves: boolean
}

/** The news from a peer that knows no mark: it has to be believed by its messages alone. */
export const noMark: MarkNews = { words: [], ended: false, serves: true }

/** Which word each side hears, and the event that it is. */
const heard = {
  old: { serves: 'served', released: 'release' },
  new: { aborted: 'abort' },
} as const satisfies Record<Role, Partial<Record<MarkWord, OldEvent | NewEvent>>>

/** In these an old process stands behind the new one, and would take back. */
const standsBehind: ReadonlySet<OldState> = new Set(['drain', 'guard', 'linger'])

/**
 * Returns the events that an old process acts on if `event` comes and the mark says this. A word
 * comes before the event: so a released process never takes back. A process that may take back does
 * not leave because its time is over, or its last connection has ended, if the new one has died: it
 * waits for the end of the channel. Nor is its time over before the new one serves, however long that
 * takes.
 */
export function oldEventsAfterLook(
  state: OldState,
  event: OldEvent | undefined,
  { words, ended, serves }: MarkNews,
): OldEvent[] {
  const events = eventsOf<OldEvent>(heard.old, words)
  const mayTakeBack = standsBehind.has(state) && !events.includes('release')
  const died = ended && mayTakeBack
  if (died && event === 'drained') events.push('died')
  const isTooEarly = mayTakeBack && (died || !serves)
  if (event !== undefined && !(event === 'probation' && isTooEarly)) events.push(event)
  return events
}

/**
 * Returns the events that a new process acts on if `event` comes and the mark says this. An old
 * process that aborted is not dead. One that died after `ready` leaves the service to this one,
 * which then does not give up because of a deadline: it waits for the end of the channel.
 */
export function newEventsAfterLook(
  state: NewState,
  event: NewEvent,
  { words, ended }: MarkNews,
): NewEvent[] {
  const events = state === 'serving' ? [] : eventsOf<NewEvent>(heard.new, words)
  const died = ended && !events.includes('abort') && state === 'ready'
  if (!(event === 'timeout' && died)) events.push(event)
  return events
}

function eventsOf<E extends OldEvent | NewEvent>(
  hears: Partial<Record<MarkWord, E>>,
  words: readonly MarkWord[],
): E[] {
  return words.flatMap((word) => hears[word] ?? [])
}
