// A connection leaves the socket object of this process, and enters one: the descriptor lives on.

import net, { type Server, type Socket } from 'node:net'
import { dup } from '../io/descriptors.ts'
import { countConnection, descriptorOf } from '../io/node-internals.ts'

/**
 * Takes the connection away from its socket, in one tick: what the client sends from now on waits
 * in the kernel. `destroy` and never `end`: a plain close(2), and no FIN while a dup is open.
 *
 * @returns a descriptor that the caller owns; undefined where this Node does not tell it.
 */
export function detach(socket: Socket): number | undefined {
  const own = descriptorOf(socket)
  if (own === undefined) return undefined
  const fd = dup(own)
  socket.destroy()
  return fd
}

/** Makes a socket of a connection and counts it among the server's. Owns the descriptor. */
export function attach(server: Server, fd: number): Socket {
  const socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
  countConnection(server, socket)
  return socket
}
