// Sees the upgrades of a server without changing what it does with them.

import type { IncomingMessage } from 'node:http'
import { type Server, Socket } from 'node:net'

/**
 * Shows every upgrade before the application's own listeners.
 *
 * @remarks A server without `upgrade` listeners answers such a request as any other
 * (lib/_http_server.js, `onParserExecuteCommon`). So ours is there only while another one is.
 * @returns the undo.
 */
export function watchUpgrades(
  server: Server,
  onUpgrade: (request: IncomingMessage, socket: Socket) => void,
): () => void {
  // A test may inject an upgrade on a stream that is no socket.
  const listener = (request: IncomingMessage, socket: unknown) => {
    if (socket instanceof Socket) onUpgrade(request, socket)
  }
  const others = () => server.listeners('upgrade').some((other) => other !== listener)
  const begin = (event: string | symbol, added?: unknown) => {
    if (event !== 'upgrade' || added === listener) return
    if (!server.listeners('upgrade').includes(listener)) server.prependListener('upgrade', listener)
  }
  const end = (event: string | symbol) => {
    if (event === 'upgrade' && !others()) server.off('upgrade', listener)
  }
  server.on('newListener', begin)
  server.on('removeListener', end)
  if (others()) begin('upgrade')
  return () => {
    server.off('newListener', begin)
    server.off('removeListener', end)
    server.off('upgrade', listener)
  }
}
