// What the two processes say to each other: one type a message, and the check of what arrives.

import { HandoffError } from '../terms/errors.ts'
import { type ManifestEntry, parseManifestEntry } from './manifest.ts'
import { printable } from './printable.ts'

/** Versions that this release speaks. Version 0 is never among them, so that tests can use it. */
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
} as const

export type MessageType = keyof typeof messageTypes

export interface Messages {
  /**
   * new → old: may I take over? `accepts` names the messages that later releases added and that I
   * know: nobody else is sent them.
   */
  hello: { versions: number[]; pid: number; accepts?: string[] }
  /** old → new: no, and why. */
  refuse: { code: string; reason: string }
  /**
   * old → new: what is on offer. Descriptors follow in this order. `accepts` is as in `hello`, for
   * the other direction.
   */
  manifest: {
    version: number
    generation: number
    pid: number
    listeners: ManifestEntry[]
    accepts?: string[]
  }
  /** old → new, with descriptors: the entries `first`, `first + 1`, … of the manifest. */
  listeners: { first: number }
  /** new → old: that many entries of the manifest have arrived in all. */
  ack: { received: number }
  /**
   * new → old: I can serve; these keys of the manifest I use, and for these of them I take
   * connections, each key with the kinds (absent: none).
   */
  ready: { claimed: string[]; takes: Record<string, string[]> }
  /** old → new: I accept no more. */
  committed: Record<never, never>
  /** old → new: no connection is left here. */
  drained: { drained: number; handedOver: number; forced: number }
  /** new → old: I have a successor; you need not take back. */
  release: Record<never, never>
  /** either way: I gave up, and why. */
  abort: { code: string; reason: string }
  /**
   * old → new, with descriptors: connections at a message boundary, all of one kind and behind one
   * listener, each with its item.
   */
  connections: { key: string; kind: string; items: unknown[] }
  /** new → old: that many connections have arrived in all, and are mine. */
  adopted: { received: number }
  /**
   * new → old: these connections, counted from 0 as they arrived, are closed or went on; the old
   * process must not keep them open.
   */
  ended: { numbers: number[] }
  /**
   * old → new: a value of the application. A small one stands in `value` (bytes as base64); of a
   * large one comes the descriptor of a file of `length` bytes instead.
   */
  state: StateMessage
  /**
   * old → new, with descriptors: the processes of the line that may still live, the sender among
   * them. Each descriptor is a socket on which nothing ever comes but its end, with that process.
   */
  older: { processes: { pid: number; generation: number }[] }
  /**
   * new → old: where connections, numbered as in `ended`, came to rest after they had been used, and
   * with which items they would go over.
   */
  rested: { rests: RestMessage[] }
  /**
   * old → new, with a descriptor: the new process's end of the mark, a socket pair on which each side
   * leaves words that the kernel keeps.
   */
  mark: Record<never, never>
  /** old → new, after the commit: do you still answer? new → old: I do. It changes no state. */
  alive: Record<never, never>
}

export interface RestMessage {
  number: number
  /** Bytes that were read from it, and written to it, since it was opened: the kernel's word. */
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

/** A message as it is sent or was received. */
export type Message = { [T in MessageType]: { type: T } & Messages[T] }[MessageType]

type Fields = Record<string, unknown>

/**
 * Longest reason that is taken from a peer, in characters. It becomes the message of an error, which the
 * application may print by itself: so it is made printable here.
 */
const reasonLimit = 4_096

const readers: { [T in MessageType]: (fields: Fields) => Messages[T] } = {
  hello: (f) => ({
    versions: array(f, 'versions').map((v) => asCount(v, 'versions')),
    pid: count(f, 'pid'),
    ...readAccepts(f),
  }),
  refuse: readReason,
  manifest: (f) => ({
    version: count(f, 'version'),
    generation: count(f, 'generation'),
    pid: count(f, 'pid'),
    listeners: array(f, 'listeners').map(parseManifestEntry),
    ...readAccepts(f),
  }),
  listeners: (f) => ({ first: count(f, 'first') }),
  ack: (f) => ({ received: count(f, 'received') }),
  ready: (f) => ({ claimed: texts(f, 'claimed'), takes: readTakes(f) }),
  committed: () => ({}),
  drained: (f) => ({
    drained: count(f, 'drained'),
    handedOver: 'handedOver' in f ? count(f, 'handedOver') : 0,
    forced: count(f, 'forced'),
  }),
  release: () => ({}),
  abort: readReason,
  connections: (f) => ({ key: text(f, 'key'), kind: text(f, 'kind'), items: array(f, 'items') }),
  adopted: (f) => ({ received: count(f, 'received') }),
  ended: (f) => ({ numbers: array(f, 'numbers').map((v) => asCount(v, 'numbers')) }),
  state: readState,
  older: (f) => ({
    processes: records(f, 'processes').map((process) => ({
      pid: count(process, 'pid'),
      generation: count(process, 'generation'),
    })),
  }),
  rested: (f) => ({
    rests: records(f, 'rests').map((rest) => ({
      number: count(rest, 'number'),
      read: count(rest, 'read'),
      written: count(rest, 'written'),
      item: rest.item,
    })),
  }),
  mark: () => ({}),
  alive: () => ({}),
}

/**
 * Makes a message of what arrived. Unknown fields are dropped: a later minor release may add some.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when a field is missing or of another type.
 */
export function readMessage(type: MessageType, payload: unknown): Message {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    throw invalid(`${type} is not an object`)
  }
  return { type, ...readers[type](payload as Fields) } as Message
}

function readState(fields: Fields): StateMessage {
  const head = {
    key: text(fields, 'key'),
    when: oneOf(fields, 'when', ['start', 'commit']),
    encoding: oneOf(fields, 'encoding', ['json', 'bytes']),
  }
  if ('length' in fields) return { ...head, length: count(fields, 'length') }
  if (head.encoding === 'bytes') return { ...head, value: text(fields, 'value') }
  if (!('value' in fields)) throw invalid('state has neither a value nor a length')
  return { ...head, value: fields.value }
}

function oneOf<const T extends string>(fields: Fields, name: string, values: readonly T[]): T {
  const value = values.find((candidate) => candidate === fields[name])
  if (value === undefined) throw invalid(`${name} is none of ${values.join(', ')}`)
  return value
}

function readTakes(fields: Fields): Record<string, string[]> {
  const { takes = {} } = fields
  if (typeof takes !== 'object' || takes === null) throw invalid('takes is not an object')
  const keys = Object.keys(takes)
  return Object.fromEntries(keys.map((key) => [key, texts(takes as Fields, key)]))
}

function readAccepts(fields: Fields): { accepts?: string[] } {
  return 'accepts' in fields ? { accepts: texts(fields, 'accepts') } : {}
}

function readReason(fields: Fields): { code: string; reason: string } {
  return {
    code: printable(text(fields, 'code').slice(0, 100)),
    reason: printable(text(fields, 'reason').slice(0, reasonLimit)),
  }
}

function array(fields: Fields, name: string): unknown[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw invalid(`${name} is not a list`)
  return value
}

function records(fields: Fields, name: string): Fields[] {
  return array(fields, name).map((value) => {
    if (typeof value !== 'object' || value === null) throw invalid(`${name} is not of objects`)
    return value as Fields
  })
}

function texts(fields: Fields, name: string): string[] {
  return array(fields, name).map((value) => asText(value, name))
}

function text(fields: Fields, name: string): string {
  return asText(fields[name], name)
}

function count(fields: Fields, name: string): number {
  return asCount(fields[name], name)
}

function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalid(`${name} is not a string`)
  return value
}

function asCount(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalid(`${name} is not a whole number`)
  }
  return value
}

function invalid(reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_PROTOCOL', `cannot read the message of the peer: ${reason}`)
}
