// A request that is under way until the test ends it.

import type { Agent, ClientRequest } from 'node:http'
import { type Reply, send, type Target } from './load/send.ts'

export interface HeldRequest {
  /** The outcome, once the request has ended. */
  readonly reply: Promise<Reply>
  /** Ends the body: the server answers. */
  end(): void
}

/**
 * Begins an upload to a server of `fixtures/routes.mjs`, which answers at the end of the body.
 *
 * @param agent - the pool to take the connection from; without it a new connection.
 */
export function holdRequest(target: Target, agent?: Agent): HeldRequest {
  let outgoing: ClientRequest | undefined
  const write = (request: ClientRequest) => {
    outgoing = request
    request.write('the start of the body')
  }
  const reply = send(target, {
    method: 'POST',
    path: '/upload',
    write,
    ...(agent !== undefined && { agent }),
  })
  return { reply, end: () => outgoing?.end() }
}
