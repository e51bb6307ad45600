// The fields of sd_notify(3) that an event comes with.

import type { HandoffEventBody } from './diagnostics.ts'
import type { NotifyFields } from './io/systemd.ts'

/** Who reports. */
export interface Reporting {
  pid: number
  generation: number
  /** Whether the service as a whole ends. */
  stopping: boolean
}

export function notifyFields(event: HandoffEventBody, reporting: Reporting): NotifyFields {
  const serves = event.type === 'serving' || event.type === 'taken-back'
  const status = statusLine(event, reporting.generation)
  return {
    ...(serves ? { READY: '1', MAINPID: String(reporting.pid) } : {}),
    ...(reporting.stopping ? { STOPPING: '1' } : {}),
    ...(status === undefined ? {} : { STATUS: status }),
  }
}

function statusLine(event: HandoffEventBody, generation: number): string | undefined {
  if (event.type === 'stage') return `${event.stage}: ${event.detail}`
  if (event.type === 'serving') return `generation ${generation} serves`
  if (event.type === 'taken-back') return `generation ${generation} has taken back`
  return undefined
}
