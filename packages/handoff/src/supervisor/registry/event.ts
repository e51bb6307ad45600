// What a process reports, read from its datagram and believed only where it is well formed.

import {
  aliveField,
  eventField,
  exceptionField,
  parseNotify,
  probationField,
  wordsField,
} from '../../protocol/notify.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { mapFates } from '../../terms/fates.ts'
import { numberOf } from '../../terms/options.ts'
import { isStage } from './side.ts'

/** One datagram of a process. */
export interface Report {
  readonly event?: HandoffEvent
  /** What an uncaught exception says; the process is about to end. */
  readonly exception?: string
  /** What a process that is about to fail had written to stderr last. */
  readonly words?: string
  /** The process reports at an interval that its event loop turns (true), or will do so no more (false). */
  readonly alive?: boolean
  /** How long the process stays able to take back from now on. */
  readonly probationMs?: number
  /** The process asks for this much more time to start or to stop. */
  readonly extendMs?: number
  /** The name under which the descriptor of this datagram is to be kept. */
  readonly store?: string
  /** The name under which nothing is to be kept any more. */
  readonly unstore?: string
  /** The process stops, and has no successor. */
  readonly stopping?: boolean
}

/** Fields that each type must have beside those of all; `sort` names what they must be. */
const shapes: Record<HandoffEvent['type'], Record<string, (value: unknown) => boolean>> = {
  stage: { stage: isStage, detail: isText },
  serving: { listeners: isTexts, replaces: isReplaced },
  aborted: { stage: isStage, code: isText, message: isText, serving: isText, peer: isCountOrNone },
  'taken-back': { code: isText, message: isText, listeners: isTexts, connections: isReturned },
  drained: { counts: isCounts },
  joined: { from: isProcess, listeners: isTexts },
  status: { stage: isStage, listeners: isTexts, connections: isCount },
  warning: { message: isText },
}

/** Fields that a process of an older release does not know, and what their absence means. */
const additions: Partial<
  Record<HandoffEvent['type'], Record<string, (value: unknown) => unknown>>
> = {
  'taken-back': { fates: readFates },
  drained: {
    fates: readFates,
    counts: (counts) => ({ handedOver: 0, closed: 0, ...Object(counts) }),
  },
  status: { open: readKinds, fates: readFates },
}

/** Reads one datagram; what is malformed is left out, since a stray process may have sent it. */
export function readReport(text: string): Report {
  const fields = parseNotify(text)
  const event = readEvent(fields[eventField])
  const exception = readJson(fields[exceptionField])
  const words = readJson(fields[wordsField])
  // sd_notify(3): microseconds from now on.
  const extendMs = readUsec(fields.EXTEND_TIMEOUT_USEC)
  const probationMs = readUsec(fields[probationField])
  return {
    ...(event && { event }),
    ...(typeof exception === 'string' && { exception }),
    ...(typeof words === 'string' && { words }),
    ...(extendMs > 0 && { extendMs }),
    ...(aliveField in fields && { alive: fields[aliveField] === '1' }),
    ...(probationMs >= 0 && { probationMs }),
    ...(fields.FDSTORE === '1' && { store: fields.FDNAME ?? 'stored' }),
    ...(fields.FDSTOREREMOVE === '1' && { unstore: fields.FDNAME ?? '' }),
    ...(fields.STOPPING === '1' && { stopping: true }),
  }
}

/** Milliseconds of a number of microseconds; systemd's word for all of them is `infinity`. */
function readUsec(text: string | undefined): number {
  return text === 'infinity' ? Number.POSITIVE_INFINITY : numberOf(text ?? '') / 1000
}

function readEvent(text: string | undefined): HandoffEvent | undefined {
  const value = readJson(text)
  if (!isObject(value) || typeof value.type !== 'string') return undefined
  const shape = Object.hasOwn(shapes, value.type)
    ? shapes[value.type as HandoffEvent['type']]
    : undefined
  if (shape === undefined) return undefined
  const common = { pid: isCount, generation: isCount, elapsedMs: isCount }
  for (const [field, fits] of Object.entries({ ...common, ...shape })) {
    if (!fits(value[field])) return undefined
  }
  const added: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(additions[value.type as HandoffEvent['type']] ?? {})) {
    added[field] = read(value[field])
    if (added[field] === undefined) return undefined
  }
  return { ...value, ...added } as unknown as HandoffEvent
}

/** A kind is a word; one that this release does not know is shown as it is. */
function readKinds(value: unknown = {}): unknown {
  const isKinds =
    isObject(value) &&
    Object.entries(value).every(
      ([kind, count]) => /^[a-z][a-z0-9-]{0,19}$/.test(kind) && isCount(count),
    )
  return isKinds ? value : undefined
}

/** One that this release does not know is left out. */
function readFates(value: unknown = {}): unknown {
  const isFates =
    isObject(value) && Object.values(value).every((kinds) => readKinds(kinds) !== undefined)
  return isFates ? mapFates((fate) => value[fate] ?? {}) : undefined
}

function readJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText)
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}

function isCountOrNone(value: unknown): boolean {
  return value === undefined || isCount(value)
}

function isReturned(value: unknown): boolean {
  return isObject(value) && isCount(value.back) && isCount(value.closed)
}

function isCounts(value: unknown): boolean {
  if (!isObject(value)) return false
  const { drained, forced, handedOver = 0, closed = 0 } = value
  return [drained, forced, handedOver, closed].every(isCount)
}

function isReplaced(value: unknown): boolean {
  return value === null || isProcess(value)
}

function isProcess(value: unknown): boolean {
  return isObject(value) && isCount(value.pid) && isCount(value.generation)
}
