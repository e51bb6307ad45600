// How many workers a run has, as the command line and the control endpoint take it.

import { availableParallelism } from 'node:os'

/** Far more than cores; a mistyped number is refused before it starts a thousand processes more. */
export const mostWorkers = 1024

/** Reads a count of workers, or `max`: as many as there are cores for us. */
export function readWorkerCount(text: string): number | undefined {
  if (text === 'max') return Math.min(availableParallelism(), mostWorkers)
  const count = /^\d+$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= mostWorkers ? count : undefined
}
