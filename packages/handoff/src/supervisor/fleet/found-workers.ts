// Finds workers of an earlier supervisor that serve on without it.

import { removeStaleSocket } from '../../io/listeners/bind-request.ts'
import { close } from '../../io/native/descriptors.ts'
import { connectRendezvous } from '../../io/rendezvous/rendezvous.ts'
import {
  type RunDirectory,
  workerDirectory,
  workersFound,
} from '../../io/rendezvous/run-directory.ts'

/** Whether a process answers at this rendezvous socket. */
export function servesAt(rendezvous: string): boolean {
  const fd = connectRendezvous(rendezvous, { uid: process.getuid?.() ?? -1, allowUids: [] })
  if (fd !== undefined) close(fd)
  return fd !== undefined
}

/**
 * Returns the numbers of the workers beyond a count that serve in this directory. Removes the sockets of
 * workers that do not serve any more.
 */
export function foundWorkers(run: RunDirectory, count: number): number[] {
  return workersFound(run).filter((number) => {
    if (number <= count) return false
    const { rendezvous } = workerDirectory(run, number)
    const serves = servesAt(rendezvous)
    if (!serves) removeStaleSocket(rendezvous)
    return serves
  })
}
