// The timers by which Node.js ends silent sockets.

import type { Socket } from 'node:net'

interface SilenceTimer {
  _idleStart: number
  _idleTimeout: number
  _destroyed: boolean
}

/**
 * Reads the clock of these timers once, for many sockets.
 *
 * @returns a function that returns how long a socket may still stay silent, in milliseconds: 0 = for
 * ever, undefined = this Node.js does not have the fields.
 * @see lib/internal/timers.js `kTimeout`, `Timeout`; lib/net.js `Socket.prototype._unrefTimer`
 * (Node 20 to 26)
 */
export function silenceLeft(): (socket: Socket) => number | undefined {
  const clock = setTimeout(() => {}, 1)
  const now = (clock as unknown as Partial<SilenceTimer>)._idleStart
  clearTimeout(clock)
  let key: symbol | undefined
  return (socket) => {
    if (key === undefined || !(key in socket)) {
      key = Object.getOwnPropertySymbols(socket).find(
        ({ description }) => description === 'timeout',
      )
    }
    if (key === undefined || now === undefined) return undefined
    const timer = (socket as unknown as Record<symbol, Partial<SilenceTimer> | null>)[key]
    // The socket has no timeout; or it has passed, and its listener left the socket open.
    if (timer === null || timer?._destroyed === true) return 0
    const { _idleStart: start, _idleTimeout: after } = timer ?? {}
    if (typeof start !== 'number' || typeof after !== 'number') return undefined
    return Math.max(1, Math.ceil(start + after - now))
  }
}
