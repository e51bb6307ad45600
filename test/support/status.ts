// Reads how a run stands from its control socket, as `handoff status --json` prints it.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Status } from '../../packages/handoff/src/supervisor/registry/run-status.ts'

/**
 * Returns the answer of the supervisor to `GET /status`.
 *
 * @remarks Tests read the status often, some in a loop. The command boots a Node.js each time, which
 * takes the processor from the processes under test.
 * @param runDirectory - the folder of one run: HANDOFF_DIR and its name.
 */
export async function readStatus(runDirectory: string): Promise<Status> {
  const socketPath = `${runDirectory}/control.sock`
  const outgoing = request({ socketPath, path: '/status', agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return (await json(response)) as Status
}
