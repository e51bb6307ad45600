// The only file that touches undocumented fields of Node. Each use is checked before it is relied on.

import type { Socket as DatagramSocket } from 'node:dgram'

interface DatagramHandle {
  recvStart(): number
  recvStop(): number
}

/**
 * Stops or resumes reading from a bound datagram socket, which has no public way to pause: what
 * arrives meanwhile waits in the kernel, for the other process that holds the same socket.
 *
 * @returns false where this Node does not have the fields; the socket then reads on.
 * @see lib/dgram.js `kStateSymbol`, src/udp_wrap.cc `UDPWrap::RecvStop` (Node 20 to 26)
 */
export function setDatagramReading(socket: DatagramSocket, reading: boolean): boolean {
  const handle = datagramHandle(socket)
  if (handle === undefined) return false
  return (reading ? handle.recvStart() : handle.recvStop()) === 0
}

function datagramHandle(socket: DatagramSocket): DatagramHandle | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(
    (symbol) => symbol.description === 'state symbol',
  )
  if (key === undefined) return undefined
  const state = (socket as unknown as Record<symbol, { handle?: Partial<DatagramHandle> | null }>)[
    key
  ]
  const handle = state?.handle
  if (typeof handle?.recvStart !== 'function' || typeof handle.recvStop !== 'function') {
    return undefined
  }
  return handle as DatagramHandle
}
