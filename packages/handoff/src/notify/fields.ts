// The fields of sd_notify(3) that an event comes with.

import type { System } from '../io/system/system.ts'
import type { NotifyFields } from '../protocol/notify.ts'
import type { HandoffEventBody } from '../terms/events.ts'

/** Who reports. */
export interface Reporting {
  pid: number
  generation: number
  /** Whether the service as a whole ends. */
  stopping: boolean
}

export function notifyFields(event: HandoffEventBody, reporting: Reporting): NotifyFields {
  const serves = event.type === 'serving' || event.type === 'taken-back'
  const status = statusLine(event, reporting)
  return {
    ...(serves ? { READY: '1', MAINPID: String(reporting.pid) } : {}),
    ...(reporting.stopping ? { STOPPING: '1' } : {}),
    ...(status === undefined ? {} : { STATUS: status }),
  }
}

/**
 * A reload begins. READY=1 ends it, from whoever serves then.
 *
 * @see sd_notify(3): MONOTONIC_USEC tells systemd which of its requests is answered.
 */
export function reloadingFields(system: Pick<System, 'monotonicUsec'>): NotifyFields {
  const usec = String(system.monotonicUsec())
  return { RELOADING: '1', MONOTONIC_USEC: usec, STATUS: 'a new process starts' }
}

/** The reload has failed, and all is as before. */
export function servesOnFields(generation: number, reason: string): NotifyFields {
  return { READY: '1', STATUS: `generation ${generation} serves on: ${reason}` }
}

/** What `systemctl status` shows; after the commit the new process has the word. */
function statusLine(event: HandoffEventBody, reporting: Reporting): string | undefined {
  const { generation, stopping } = reporting
  if (event.type === 'stage') {
    const isPast = event.stage === 'drain' || event.stage === 'exit'
    return isPast && !stopping ? undefined : `${event.stage}: ${event.detail}`
  }
  if (event.type === 'serving') return `generation ${generation} serves`
  if (event.type === 'taken-back') return `generation ${generation} has taken back`
  return undefined
}
