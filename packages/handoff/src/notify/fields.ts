// Makes the fields of sd_notify(3) that go with an event.

import type { System } from '../io/system/system.ts'
import type { NotifyFields } from '../protocol/notify.ts'
import type { HandoffEvent, Stage } from '../terms/events.ts'
import { describe } from '../words/describe.ts'

/**
 * @param isStopping - whether the service as a whole ends.
 * @param isShared - whether the old process accepts beside this one: the reload has not ended yet, and the old
 * process is still the main one.
 */
export function notifyFields(
  event: HandoffEvent,
  isStopping: boolean,
  isShared = false,
): NotifyFields {
  const serves = (event.type === 'serving' && !isShared) || event.type === 'taken-back'
  return {
    ...(serves ? servingFields(event.pid) : {}),
    ...(isStopping ? { STOPPING: '1' } : {}),
    ...(isOfService(event, isStopping) ? { STATUS: describe(event).text } : {}),
  }
}

const isAfterCommit: ReadonlySet<Stage> = new Set(['ramp', 'drain', 'exit'])

/** This process is the main one of the service from now on. A reload ends with it. */
export function servingFields(pid: number): NotifyFields {
  return { READY: '1', MAINPID: String(pid) }
}

/** Whether `systemctl status` shows the event. After the commit it shows those of the new process. */
function isOfService(event: HandoffEvent, isStopping: boolean): boolean {
  if (event.type !== 'stage') return event.type === 'serving' || event.type === 'taken-back'
  return isStopping || !isAfterCommit.has(event.stage)
}

/**
 * A reload begins. It ends with READY=1 of the process that serves then.
 *
 * @see sd_notify(3): systemd finds by MONOTONIC_USEC which of its requests this answers.
 */
export function reloadingFields(system: Pick<System, 'monotonicUsec'>): NotifyFields {
  const usec = String(system.monotonicUsec())
  return { RELOADING: '1', MONOTONIC_USEC: usec, STATUS: 'a new process starts' }
}

/** The reload has failed, and the old process serves on. */
export function servesOnFields(generation: number, reason: string): NotifyFields {
  return { READY: '1', STATUS: `generation ${generation} serves on: ${reason}` }
}
