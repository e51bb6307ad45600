// The events of a handoff, for logs, the supervisor and diagnostics_channel.

import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { HandoffErrorCode, Serving } from './errors.ts'
import type { DrainCounts, Fates, KindCounts } from './fates.ts'
import type { Stage } from './stage.ts'

export type { Stage } from './stage.ts'

/** The state of a process: a stage of a handoff, or `serving` outside of one. */
export type ProcessStage = Stage | 'serving'

interface EventBase {
  /** The process that reports. */
  pid: number
  /** The generation of this process; 0 until the new process knows it. */
  generation: number
  /** Milliseconds since this process began the reported handoff. */
  elapsedMs: number
}

/** The fields of an event that depend on its type. */
export type HandoffEventBody =
  | {
      type: 'stage'
      stage: Stage
      detail: string
      /** Of the stage `ramp`: how long both processes accept at most, in milliseconds. */
      rampMs?: number
    }
  | {
      type: 'serving'
      replaces: { pid: number; generation: number } | null
      listeners: readonly string[]
    }
  | {
      type: 'aborted'
      stage: Stage
      code: HandoffErrorCode
      message: string
      serving: Serving
      /** Reported by the old process: the pid of the new process, from the kernel. */
      peer?: number
    }
  | {
      type: 'taken-back'
      /** `ramp`: this process has never stopped accepting. */
      stage?: Stage
      code: HandoffErrorCode
      message: string
      listeners: readonly string[]
      /** Of the connections that had moved: `back` are served here again; the dead process had used `closed`. */
      connections: { back: number; closed: number }
      /** Fates of connections since this process stopped accepting, by kind. */
      fates: Fates
    }
  | { type: 'drained'; counts: DrainCounts; fates: Fates }
  | {
      /** A serving process has taken over from a surplus worker as well. */
      type: 'joined'
      /** The process that had the listeners. */
      from: { pid: number; generation: number }
      /** All listeners of this process now. */
      listeners: readonly string[]
    }
  | {
      type: 'status'
      stage: ProcessStage
      listeners: readonly string[]
      connections: number
      /** Open connections by kind. */
      open: KindCounts
      /** Fates of connections since this process started, by kind. */
      fates: Fates
    }
  | { type: 'warning'; message: string }

/** An event of a handoff; a line of `handoff reload --json`. */
export type HandoffEvent = EventBase & HandoffEventBody

/**
 * The diagnostics_channel on which every {@link HandoffEvent} of this process is published.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export const eventsChannel = channel('socket-handoff:event')

/** `NODE_DEBUG=handoff` prints every event. */
const debug = debuglog('handoff')

/** Publishes an event to subscribers in this process and to `NODE_DEBUG=handoff`. */
export function publish(event: HandoffEvent): void {
  debug('%j', event)
  if (eventsChannel.hasSubscribers) eventsChannel.publish(event)
}
