// Opens the directory of a run, and takes its lock.

import { existsSync } from 'node:fs'
import { openRunDirectory, type RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { lockSupervisor, resumeLock, type SupervisorLock } from './supervisor-lock.ts'

export interface Place {
  readonly directory: RunDirectory
  readonly lock: SupervisorLock
}

/** How often another supervisor may remove the directory before the lock is in it. */
const mostTries = 100

/**
 * Makes the directory of the run `name`, or checks an existing one, and locks it for this supervisor.
 *
 * @remarks A supervisor that ends removes the directory if it is empty: it may do so between both.
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_DIRECTORY_UNSAFE;
 * ERR_HANDOFF_DIRECTORY_UNUSABLE; ERR_HANDOFF_PATH_TOO_LONG.
 */
export function openPlace(name: string): Place {
  for (let tries = 1; ; tries++) {
    const directory = openRunDirectory(name)
    try {
      return { directory, lock: lockSupervisor(name, directory.lock) }
    } catch (error) {
      if (existsSync(directory.path) || tries === mostTries) throw error
    }
  }
}

/** Does the same with the lock that the release before has held in this process. */
export function resumePlace(name: string, fd: number): Place {
  const directory = openRunDirectory(name)
  return { directory, lock: resumeLock(name, directory.lock, fd) }
}
