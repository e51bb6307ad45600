// A connection that came as a descriptor enters a server of this process.

import net, { type Server, type Socket } from 'node:net'
import { allowsHalfOpen, countConnection } from '../io/node-internals.ts'

/** Makes a socket of a connection and counts it among the server's. Owns the descriptor. */
export function attach(server: Server, fd: number): Socket {
  const allowHalfOpen = allowsHalfOpen(server)
  const socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen })
  countConnection(server, socket)
  return socket
}
