// Which run a command means when it names none.

import { isAnswered } from '../../io/channel/trusted-socket.ts'
import { findRunDirectory, runNames, runsDirectory } from '../../io/rendezvous/run-directory.ts'
import { packageDirectory, packageName } from '../../supervisor/program/entry.ts'
import { HandoffError } from '../../terms/errors.ts'
import { Client } from './client.ts'

/**
 * Finds the run: the one that is named; that of the package in the working directory, if it runs;
 * else the only one that does.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING when none does; ERR_HANDOFF_NAME when
 * several do; ERR_HANDOFF_DIRECTORY_UNSAFE when another user could answer in its place.
 */
export function findRun(name: string | undefined): Client {
  if (name !== undefined) return clientOf(name)
  const here = packageHere()
  const { names: running, refusal } = namesAnswering('control')
  const found = here !== undefined && running.includes(here) ? here : running[0]
  if (found === undefined) {
    // Its supervisor may be gone while the server still serves: the client tells.
    if (here !== undefined && runNames().includes(here)) return clientOf(here)
    const [orphaned, ...others] = namesAnswering('rendezvous').names
    if (orphaned !== undefined && others.length === 0) return clientOf(orphaned)
    if (orphaned !== undefined) {
      const all = [orphaned, ...others].join(', ')
      throw new HandoffError(
        'ERR_HANDOFF_NAME',
        `cannot find a supervisor: none is running, and servers of ${all} serve without one`,
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
      `cannot tell which server you mean: ${running.join(', ')} are running`,
    )
  }
  return clientOf(found)
}

function clientOf(name: string): Client {
  const { directory, owner } = findRunDirectory(name)
  return new Client(name, directory, owner)
}

function packageHere(): string | undefined {
  const directory = packageDirectory(process.cwd())
  return directory === undefined ? undefined : packageName(directory)
}

/** The runs that answer, and why another one may not be asked: it may be another user's. */
function namesAnswering(socket: 'control' | 'rendezvous') {
  let refusal: HandoffError | undefined
  const names = runNames().filter((name) => {
    try {
      const { directory, owner } = findRunDirectory(name)
      return isAnswered(directory[socket], owner)
    } catch (error) {
      // Whatever is there is no run of ours; the directory of the runs itself has been checked.
      if (!(error instanceof HandoffError)) throw error
      refusal ??= error
      return false
    }
  })
  return { names, refusal }
}
