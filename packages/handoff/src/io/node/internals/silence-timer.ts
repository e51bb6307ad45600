// The timers by which Node.js ends silent sockets.

import type { Socket } from 'node:net'

interface SilenceTimer {
  _idleStart: number
  _idleTimeout: number
  _destroyed: boolean
}

type Fields = Partial<SilenceTimer>

/**
 * Reads the clock of these timers once, for many sockets.
 *
 * @returns a function that returns how long a socket may still stay silent, in milliseconds: 0 = for
 * ever, undefined = this Node.js does not have the fields.
 * @see lib/internal/timers.js `kTimeout`, `Timeout`; lib/net.js `Socket.prototype._unrefTimer`
 * (Node 20 to 26)
 */
export function silenceLeft(): (socket: Socket) => number | undefined {
  const now = timerClock()
  const timerOf = timerReader()
  return (socket) => {
    const timer = timerOf(socket)
    if (timer === undefined || now === undefined) return undefined
    // The socket has no timeout; or it has passed, and its listener left the socket open.
    if (timer === null || timer._destroyed === true) return 0
    const { _idleStart: start, _idleTimeout: after } = timer
    if (typeof start !== 'number' || typeof after !== 'number') return undefined
    return Math.max(1, Math.ceil(start + after - now))
  }
}

/**
 * As {@link silenceLeft}.
 *
 * @returns a function that returns how many milliseconds ago data last came or went on a socket;
 * undefined if the socket has no timeout.
 */
export function silenceSoFar(): (socket: Socket) => number | undefined {
  const now = timerClock()
  const timerOf = timerReader()
  return (socket) => {
    const timer = timerOf(socket)
    const start = timer?._destroyed === true ? undefined : timer?._idleStart
    return typeof start === 'number' && now !== undefined ? Math.max(0, now - start) : undefined
  }
}

/** Returns the time that the clock of the timers shows. */
function timerClock(): number | undefined {
  const clock = setTimeout(() => {}, 1)
  clearTimeout(clock)
  return (clock as unknown as Fields)._idleStart
}

/** Returns a function that returns the timer of a socket: null if it has none. */
function timerReader(): (socket: Socket) => Fields | null | undefined {
  let key: symbol | undefined
  return (socket: Socket) => {
    if (key === undefined || !(key in socket)) {
      key = Object.getOwnPropertySymbols(socket).find(
        ({ description }) => description === 'timeout',
      )
    }
    if (key === undefined) return undefined
    return (socket as unknown as Record<symbol, Fields | null | undefined>)[key]
  }
}
