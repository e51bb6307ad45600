// Reads how many workers a run has, for the command line and the control endpoint.

import { availableParallelism } from 'node:os'
import { parsed } from '../../terms/checks.ts'

/** Far more than there are cores: a typing error must not start a thousand processes. */
const mostWorkers = 1024

/** A number of workers. `max` is one for each core that this process may use. */
export const workerCount = parsed(`a number from 1 to ${mostWorkers}, or max`, (text) => {
  if (text === 'max') return Math.min(availableParallelism(), mostWorkers)
  const count = /^\d+$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= mostWorkers ? count : undefined
})
