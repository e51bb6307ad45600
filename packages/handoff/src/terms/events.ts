// What happens, as data: the events of a handoff, for logs, the supervisor and diagnostics_channel.

import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { HandoffErrorCode, Serving } from './errors.ts'
import type { DrainCounts, Fates, KindCounts } from './fates.ts'
import type { Stage } from './stage.ts'

export type { Stage } from './stage.ts'

/** Where a process stands: in a stage, or serving outside of any handoff. */
export type ProcessStage = Stage | 'serving'

interface EventBase {
  /** The process that reports. */
  pid: number
  /** Its place in the line; 0 while the new process does not know it yet. */
  generation: number
  /** Milliseconds since this process began the handoff that it reports on. */
  elapsedMs: number
}

/** What happened. */
export type HandoffEventBody =
  | { type: 'stage'; stage: Stage; detail: string }
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
      /** From the old process: the pid of the process that connected to it, by the kernel's word. */
      peer?: number
    }
  | {
      type: 'taken-back'
      code: HandoffErrorCode
      message: string
      listeners: readonly string[]
      /** Of those that had gone over: served here again, and closed since the dead process had used them. */
      connections: { back: number; closed: number }
      /** What has become of connections since this process stopped accepting, by kind. */
      fates: Fates
    }
  | { type: 'drained'; counts: DrainCounts; fates: Fates }
  | {
      /** A process that serves has taken over from one more: a worker that has no place any more. */
      type: 'joined'
      /** Whose listeners these are. */
      from: { pid: number; generation: number }
      /** All that this process listens on now. */
      listeners: readonly string[]
    }
  | {
      type: 'status'
      stage: ProcessStage
      listeners: readonly string[]
      connections: number
      /** The same by kind. */
      open: KindCounts
      /** What has become of connections since this process started, by kind. */
      fates: Fates
    }
  | { type: 'warning'; message: string }

/** One thing that happened in a handoff; a line of `handoff reload --json`. */
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
