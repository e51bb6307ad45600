// A connection that came as a descriptor enters a server of this process.

import net, { type Server, type Socket } from 'node:net'
import { countConnection } from '../io/node-internals.ts'

/** Makes a socket of a connection and counts it among the server's. Owns the descriptor. */
export function attach(server: Server, fd: number): Socket {
  const socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  countConnection(server, socket)
  return socket
}
