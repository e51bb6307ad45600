// Reads the reports of processes: one datagram each, of which malformed fields are left out.

import {
  aliveField,
  eventField,
  exceptionField,
  parseNotify,
  probationField,
  wordsField,
} from '../../protocol/notify.ts'
import {
  amount,
  type Check,
  checked,
  count,
  list,
  Mismatch,
  nullable,
  object,
  optional,
  record,
  text,
  withDefault,
} from '../../terms/checks.ts'
import type { HandoffErrorCode } from '../../terms/errors.ts'
import type { HandoffEvent, Stage } from '../../terms/events.ts'
import { type Fates, type KindCounts, mapFates } from '../../terms/fates.ts'
import { numberOf } from '../../terms/variables.ts'
import { isStage } from './side.ts'

/** One datagram of a process. */
export interface Report {
  readonly event?: HandoffEvent
  /** The message of an uncaught exception: the process is about to end. */
  readonly exception?: string
  /** The last line on stderr of a process that is about to fail. */
  readonly lastOutput?: string
  /** True: the event loop of the process runs, which it reports at an interval. False: it stops reporting. */
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

/** Any word is a kind, so that a kind that this release does not know is shown as it is. */
const kind = checked('a kind', (value) => /^[a-z][a-z0-9-]{0,19}$/.test(String(value)))
const kinds = record(count, kind)
const fates = record(kinds)
/** A process of an older release reports no fates. A fate that this release does not know is left out. */
const readFates: Check<Fates> = (value = {}, name) => {
  const given: Readonly<Record<string, KindCounts>> = fates(value, name)
  return mapFates((fate) => given[fate] ?? {})
}
const processName = object({ pid: count, generation: count })
const stage = checked<Stage>('a stage', isStage)
/** A later release may have codes that this one does not know. */
const reason = { code: text as Check<HandoffErrorCode>, message: text }
const listeners = list(text)

/** The fields of each type of event. What has a default is absent from the reports of older releases. */
const shapes: { readonly [T in HandoffEvent['type']]: Readonly<Record<string, Check<unknown>>> } = {
  stage: { stage, detail: text, rampMs: optional(amount) },
  serving: { listeners, replaces: nullable(processName) },
  aborted: { stage, ...reason, serving: text, peer: optional(count) },
  'taken-back': {
    stage: optional(stage),
    ...reason,
    listeners,
    connections: object({ back: count, closed: count }),
    fates: readFates,
  },
  drained: {
    counts: object({
      drained: count,
      forced: count,
      handedOver: withDefault(count, 0),
      closed: withDefault(count, 0),
    }),
    fates: readFates,
  },
  joined: { from: processName, listeners },
  status: { stage, listeners, connections: count, open: withDefault(kinds, {}), fates: readFates },
  warning: { message: text },
}

const eventType = object({
  type: checked<HandoffEvent['type']>('a type of event', (value) =>
    Object.hasOwn(shapes, String(value)),
  ),
})
const common = { pid: count, generation: count, elapsedMs: amount }

/** Reads one datagram. Malformed fields are left out, since a stray process may have sent them. */
export function readReport(datagram: string): Report {
  const fields = parseNotify(datagram)
  const event = readEvent(fields[eventField])
  const exception = readJson(fields[exceptionField])
  const lastOutput = readJson(fields[wordsField])
  // sd_notify(3): microseconds from now on.
  const extendMs = readUsec(fields.EXTEND_TIMEOUT_USEC)
  const probationMs = readUsec(fields[probationField])
  return {
    ...(event && { event }),
    ...(typeof exception === 'string' && { exception }),
    ...(typeof lastOutput === 'string' && { lastOutput }),
    ...(extendMs > 0 && { extendMs }),
    ...(aliveField in fields && { alive: fields[aliveField] === '1' }),
    ...(probationMs >= 0 && { probationMs }),
    ...(fields.FDSTORE === '1' && { store: fields.FDNAME ?? 'stored' }),
    ...(fields.FDSTOREREMOVE === '1' && { unstore: fields.FDNAME ?? '' }),
    ...(fields.STOPPING === '1' && { stopping: true }),
  }
}

/** Microseconds as milliseconds. systemd writes no limit as `infinity`. */
function readUsec(usec: string | undefined): number {
  return usec === 'infinity' ? Number.POSITIVE_INFINITY : numberOf(usec ?? '') / 1000
}

function readEvent(json: string | undefined): HandoffEvent | undefined {
  const value = readJson(json)
  try {
    const { type } = eventType(value, 'event')
    const fields = object({ ...common, ...shapes[type] })(value, type)
    // Fields of a later release stay.
    return { ...Object(value), ...fields } as HandoffEvent
  } catch (error) {
    if (error instanceof Mismatch) return undefined
    throw error
  }
}

function readJson(json: string | undefined): unknown {
  if (json === undefined) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
