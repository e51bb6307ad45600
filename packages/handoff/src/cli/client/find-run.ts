// Finds the run of a command.

import { isAnswered } from '../../io/channel/trusted-socket.ts'
import { findRunDirectory, runNames, runsDirectory } from '../../io/rendezvous/run-directory.ts'
import { packageNameHere } from '../../supervisor/program/entry.ts'
import { HandoffError } from '../../terms/errors.ts'
import { Client } from './client.ts'

/**
 * Finds the run: by its name, else by the package in the working directory, else the only run.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING if there is none; ERR_HANDOFF_NAME if there are
 * several; ERR_HANDOFF_DIRECTORY_UNSAFE if another user could answer in its place.
 */
export function findRun(name: string | undefined): Client {
  if (name !== undefined) return clientOf(name)
  const here = packageNameHere()
  const { names: running, refusal } = namesAnswering('control')
  const found = here !== undefined && running.includes(here) ? here : running[0]
  if (found === undefined) {
    // Its supervisor may have ended while the server still serves: the client reports that.
    if (here !== undefined && runNames().includes(here)) return clientOf(here)
    const [orphaned, ...others] = namesAnswering('rendezvous').names
    if (orphaned !== undefined && others.length === 0) return clientOf(orphaned)
    if (orphaned !== undefined) {
      const all = [orphaned, ...others].join(', ')
      throw new HandoffError(
        'ERR_HANDOFF_NAME',
        `cannot find a supervisor: none is running; servers of ${all} serve without one`,
      )
    }
    if (refusal !== undefined) throw refusal
    throw new HandoffError(
      'ERR_HANDOFF_NOT_RUNNING',
      `cannot find a server: no supervisor is running in ${runsDirectory()}`,
    )
  }
  if (found !== here && running.length > 1) {
    throw new HandoffError(
      'ERR_HANDOFF_NAME',
      `cannot choose a run: ${running.join(', ')} are running`,
    )
  }
  return clientOf(found)
}

function clientOf(name: string): Client {
  const { directory, owner } = findRunDirectory(name)
  return new Client(name, directory, owner)
}

/** Returns the runs that answer, and why one could not be asked: it may belong to another user. */
function namesAnswering(socket: 'control' | 'rendezvous') {
  let refusal: HandoffError | undefined
  const names = runNames().filter((name) => {
    try {
      const { directory, owner } = findRunDirectory(name)
      return isAnswered(directory[socket], owner)
    } catch (error) {
      // It is not a run of this user. The directory of all runs has been checked.
      if (!(error instanceof HandoffError)) throw error
      refusal ??= error
      return false
    }
  })
  return { names, refusal }
}
