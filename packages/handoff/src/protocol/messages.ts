// The messages of the two processes: a type for each, and the check of what arrives.

import {
  asObject,
  type Check,
  count,
  flag,
  list,
  Mismatch,
  object,
  oneOf,
  optional,
  present,
  record,
  text,
  withDefault,
} from '../terms/checks.ts'
import { HandoffError } from '../terms/errors.ts'
import { type ManifestEntry, manifestEntry } from './manifest.ts'
import { printable } from './printable.ts'

/** The versions that this release speaks. Version 0 is never one of them, so that tests can use it. */
export const supportedVersions: readonly number[] = [1]

/** Message type → its number on the wire; numbers are permanent. */
export const messageTypes = {
  hello: 1,
  refuse: 2,
  manifest: 3,
  listeners: 4,
  ack: 5,
  ready: 6,
  committed: 7,
  drained: 8,
  release: 9,
  abort: 10,
  connections: 11,
  adopted: 12,
  state: 13,
  ended: 14,
  older: 15,
  rested: 16,
  mark: 17,
  alive: 18,
  pace: 19,
  ramped: 20,
  declined: 21,
} as const

export type MessageType = keyof typeof messageTypes

export interface Messages {
  /**
   * new → old: may I take over? `accepts` names the messages of later releases that I know. They are
   * sent to no other process. `ramp` among them: I know ramps, and want one.
   */
  hello: { versions: number[]; pid: number; accepts?: string[] }
  /** old → new: no, and why. */
  refuse: { code: string; reason: string }
  /**
   * old → new: what is on offer. Descriptors follow in this order. `accepts` is as in `hello`, for
   * the other direction. `connections`: about how many may follow.
   */
  manifest: {
    version: number
    generation: number
    pid: number
    listeners: ManifestEntry[]
    accepts?: string[]
    connections?: number
  }
  /** old → new, with descriptors: the entries `first`, `first + 1`, … of the manifest. */
  listeners: { first: number }
  /** new → old: that many entries of the manifest have arrived in all. */
  ack: { received: number }
  /**
   * new → old: I can serve. `claimed`: the keys of the manifest that I use. `takes`: the kinds of
   * connections that I take, by key (absent: none).
   */
  ready: { claimed: string[]; takes: Record<string, string[]> }
  /** old → new: I accept no more; or, if `ramp` is true, not much longer. */
  committed: { ramp?: boolean }
  /** old → new: no connection is left here. */
  drained: { drained: number; handedOver: number; forced: number }
  /** new → old: I have a successor, or stop: do not take back any more. */
  release: Record<never, never>
  /** either way: I aborted, and why. */
  abort: { code: string; reason: string }
  /**
   * old → new, with descriptors: connections at a message boundary, all of one kind and behind one
   * listener, each with its item. `secretBytes`: one more descriptor follows those of the connections, of
   * a file of this size with their TLS secrets.
   */
  connections: { key: string; kind: string; items: unknown[]; secretBytes?: number }
  /** new → old: that many connections have arrived in all, and are mine. */
  adopted: { received: number }
  /**
   * new → old: these connections, numbered from 0 as they arrived, are closed or went on. The old
   * process must close its descriptors.
   */
  ended: { numbers: number[] }
  /**
   * old → new: a value of the application. A small one is in `value` (bytes as base64). A large one
   * comes as the descriptor of a file of `length` bytes.
   */
  state: StateMessage
  /**
   * old → new, with descriptors: the processes of the line that may still live, including the sender.
   * Each descriptor is a socket that ends with its process; no byte ever comes on it.
   */
  older: { processes: { pid: number; generation: number }[] }
  /**
   * new → old: connections, numbered as in `ended`, are quiescent again after they were used, and
   * would go over with these items.
   */
  rested: { rests: RestMessage[] }
  /**
   * old → new, with a descriptor: the new process's end of the mark, a socket pair on which each side
   * leaves words that the kernel keeps.
   */
  mark: Record<never, never>
  /** old → new, after the commit: do you still answer? new → old: yes. It changes no state. */
  alive: Record<never, never>
  /**
   * new → old, after a release: I take no more connections. I have not touched those that I have not
   * acked.
   */
  declined: Record<never, never>
  /**
   * new → old, in a ramp: how late the timers of my event loop were since the last one, in the mean
   * and at most, in microseconds.
   */
  pace: { meanUs: number; mostUs: number }
  /** old → new, at the end of a ramp: I accept no more. */
  ramped: Record<never, never>
}

export interface RestMessage {
  number: number
  /** Bytes that were read from it, and written to it, since it was opened, by the kernel's word. */
  read: number
  written: number
  item: unknown
}

/** When a value is exported: at hello, while the old process serves, or once it accepts no more. */
export type StateMoment = 'start' | 'commit'

export interface StateMessage {
  key: string
  when: StateMoment
  encoding: 'json' | 'bytes'
  value?: unknown
  length?: number
}

/** A message of one of these types, as it is sent or was received. */
export type MessageOf<T extends MessageType> = { [K in T]: { type: K } & Messages[K] }[T]

/** Any message. */
export type Message = MessageOf<MessageType>

/**
 * Longest reason that is taken from a peer, in characters. It becomes the message of an error, which an
 * application may print. So it is made printable here.
 */
const reasonLimit = 4_096

const reason = object({ code: limited(100), reason: limited(reasonLimit) })

const accepts = optional(list(text))

const checks: { readonly [T in MessageType]: Check<Messages[T]> } = {
  hello: object({ versions: list(count), pid: count, accepts }),
  refuse: reason,
  manifest: object({
    version: count,
    generation: count,
    pid: count,
    listeners: list(manifestEntry),
    accepts,
    connections: optional(count),
  }),
  listeners: object({ first: count }),
  ack: object({ received: count }),
  ready: object({ claimed: list(text), takes: withDefault(record(list(text)), {}) }),
  committed: object({ ramp: optional(flag) }),
  drained: object({ drained: count, handedOver: withDefault(count, 0), forced: count }),
  release: object({}),
  abort: reason,
  connections: object({
    key: text,
    kind: text,
    items: list(present),
    secretBytes: optional(count),
  }),
  adopted: object({ received: count }),
  ended: object({ numbers: list(count) }),
  state: readState,
  older: object({ processes: list(object({ pid: count, generation: count })) }),
  rested: object({
    rests: list(object({ number: count, read: count, written: count, item: present })),
  }),
  mark: object({}),
  alive: object({}),
  declined: object({}),
  pace: object({ meanUs: count, mostUs: count }),
  ramped: object({}),
}

/**
 * Makes a message of a payload. Unknown fields are dropped: a later minor release may add some.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if a field is missing or of another type.
 */
export function readMessage(type: MessageType, payload: unknown): Message {
  try {
    return { type, ...checks[type](payload, type) } as Message
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    const what = `cannot read the message of the peer: ${error.message}`
    throw new HandoffError('ERR_HANDOFF_PROTOCOL', what)
  }
}

const stateHead = object({
  key: text,
  when: oneOf('start', 'commit'),
  encoding: oneOf('json', 'bytes'),
})
const stateInFile = object({ length: count })
const stateInBytes = object({ value: text })

function readState(value: unknown, name: string): StateMessage {
  const fields = asObject(value, name)
  const head = stateHead(fields, name)
  if ('length' in fields) return { ...head, ...stateInFile(fields, name) }
  if (head.encoding === 'bytes') return { ...head, ...stateInBytes(fields, name) }
  if (!('value' in fields)) throw new Mismatch(name, 'a value, and has no length')
  return { ...head, value: fields.value }
}

/** A string, of which so many characters are kept. */
function limited(most: number): Check<string> {
  return (value, name) => printable(text(value, name).slice(0, most))
}
