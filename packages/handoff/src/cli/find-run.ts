// Which run a command means when it names none.

import { HandoffError } from '../errors.ts'
import { runDirectory, runNames, runsDirectory } from '../io/run-directory.ts'
import { packageDirectory, packageName } from '../supervisor/entry.ts'
import { answers, Client } from './client.ts'

/**
 * Finds the run: the one that is named; that of the package in the working directory, if it runs;
 * else the only one that does.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING when none does; ERR_HANDOFF_NAME when
 * several do.
 */
export async function findRun(name: string | undefined): Promise<Client> {
  if (name !== undefined) return clientOf(name)
  const here = packageHere()
  const running = await runningNames()
  const found = here !== undefined && running.includes(here) ? here : running[0]
  if (found === undefined) {
    // Its supervisor may be gone while the server still serves: the client tells.
    if (here !== undefined && runNames().includes(here)) return clientOf(here)
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
  return new Client(name, runDirectory(name))
}

function packageHere(): string | undefined {
  const directory = packageDirectory(process.cwd())
  return directory === undefined ? undefined : packageName(directory)
}

async function runningNames(): Promise<string[]> {
  const names = runNames()
  const alive = await Promise.all(names.map((name) => answers(runDirectory(name).control)))
  return names.filter((_, i) => alive[i])
}
