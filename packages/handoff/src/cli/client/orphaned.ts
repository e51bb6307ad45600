// Finds the servers of a run whose supervisor has ended.

import { existsSync } from 'node:fs'
import {
  type RunDirectory,
  workerDirectory,
  workersFound,
} from '../../io/rendezvous/run-directory.ts'
import { isOfRun } from '../../supervisor/processes/orphans.ts'
import { rendezvousHolders } from '../../supervisor/processes/rendezvous-holders.ts'

/** Returns the pids of processes that hold a rendezvous socket of the run and were started for it; none without /proc. */
export function orphanedServers(run: RunDirectory): number[] {
  const workers = existsSync(run.path) ? [1, ...workersFound(run)] : []
  const pids = workers
    .map((worker) => workerDirectory(run, worker))
    .flatMap((place) => rendezvousHolders(place.rendezvous).filter((pid) => isOfRun(place, pid)))
  return [...new Set(pids)]
}

/** Describes the servers, and the two ways to go on. */
export function orphanedText(pids: readonly number[]): string {
  const run = '`handoff run` takes over from it'
  if (pids.length === 0) return `a server without supervisor still serves there; ${run}`
  const list = pids.length === 1 ? `pid ${pids[0]}` : `pids ${pids.join(', ')}`
  return `a server without supervisor still serves there (${list}): ${run}, or \`kill -TERM ${pids.join(' ')}\` ends it`
}
