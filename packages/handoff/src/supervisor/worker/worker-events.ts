// The events of a worker's processes, for the parts of the supervisor that follow them.

import type { HandoffEvent } from '../../terms/events.ts'

export interface WorkerEvents {
  /** A process has reported an event. The registry knows it already. */
  event: [pid: number, event: HandoffEvent]
  /** A process has ended. The registry has it no more. */
  exit: [pid: number]
  /** A process has shown that its event loop runs. */
  alive: [pid: number]
}
