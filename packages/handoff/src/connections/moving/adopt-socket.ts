// Gives a connection that came as a descriptor to a server of this process.

import net, { type Server, type Socket, type SocketConstructorOpts } from 'node:net'
import { reportConnection } from '../../io/hooks/observe-server.ts'
import { close } from '../../io/native/descriptors.ts'
import { allowsHalfOpen } from '../../io/node/internals/accept-options.ts'
import { countConnection } from '../../io/node/internals/connection-count.ts'
import type { Arriving } from './mover.ts'

/** Makes a socket of a connection and counts it among the server's. Owns the descriptor. */
export function adoptSocket(
  server: Server,
  fd: number,
  make = (options: SocketConstructorOpts): Socket => new net.Socket(options),
): Socket {
  const allowHalfOpen = allowsHalfOpen(server)
  const socket = make({ fd, readable: true, writable: true, allowHalfOpen })
  countConnection(server, socket)
  return socket
}

/** Adopts connections one by one. If one throws, closes it and those after it. */
export function adoptEach(
  arriving: readonly Arriving[],
  adopt: (arriving: Arriving) => void,
): void {
  let adopted = 0
  try {
    for (const one of arriving) {
      adopt(one)
      adopted += 1
    }
  } catch (error) {
    for (const { fd } of arriving.slice(adopted)) close(fd)
    throw error
  }
}

/**
 * Gives the server a connection, as if the server had accepted it.
 *
 * @param event - by which the server's listeners get it.
 * @remarks An exception of a listener of the application is uncaught, as usual. It concerns neither
 * the other process nor the connections that come after this one.
 */
export function emitConnection(
  server: Server,
  socket: Socket,
  event: 'connection' | 'secureConnection' = 'connection',
): void {
  try {
    server.emit(event, socket)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
  reportConnection(server, socket)
}
