// Marks connections that began in another process, so that an application need not greet them again.

import type { Socket } from 'node:net'

const adopted = new WeakSet<Socket>()

export function markAdopted(socket: Socket): void {
  adopted.add(socket)
}

/** Whether this raw connection, or the WebSocket of this upgrade request, was handed over. */
export function isAdopted(connection: Socket | { readonly socket: Socket }): boolean {
  return adopted.has('socket' in connection ? connection.socket : connection)
}
