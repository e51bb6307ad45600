// The timers by which Node.js ends silent sockets.

import type { Socket } from 'node:net'

interface SilenceTimer {
  _idleStart: number
  _idleTimeout: number
  _destroyed: boolean
}

type Fields = Partial<SilenceTimer>

/** What the timers of sockets say, for each. */
export interface Silence {
  /**
   * How many milliseconds ago data last came or went. Undefined for a socket without a timeout, and if this Node.js
   * does not have the fields.
   */
  readonly soFar: (number | undefined)[]
  /**
   * How long the socket may still stay silent, in milliseconds: 0 = for ever, undefined = this Node.js does not have
   * the fields.
   */
  readonly left: (number | undefined)[]
}

/**
 * Reads the timers of many sockets in one loop.
 *
 * @see lib/internal/timers.js `kTimeout`, `Timeout`; lib/net.js `Socket.prototype._unrefTimer`
 * (Node 20 to 26)
 */
export function readTimers(sockets: readonly Socket[]): Silence {
  const soFar: (number | undefined)[] = []
  const left: (number | undefined)[] = []
  const key = timeoutKeyOf(sockets[0])
  const now = key === undefined ? undefined : timerClock()
  for (const socket of sockets) {
    const timer = (socket as unknown as Record<symbol, Fields | null | undefined>)[key ?? unknown]
    let silent: number | undefined
    let rest: number | undefined
    // The socket has no timeout; or it has passed, and its listener left the socket open.
    if (timer === null || timer?._destroyed === true) rest = 0
    else if (timer !== undefined && now !== undefined) {
      const { _idleStart: start, _idleTimeout: after } = timer
      if (typeof start === 'number') {
        silent = Math.max(0, now - start)
        if (typeof after === 'number') rest = Math.max(1, Math.ceil(start + after - now))
      }
    }
    soFar.push(silent)
    left.push(rest)
  }
  return { soFar, left }
}

const unknown = Symbol('unknown')

/** Returns the time that the clock of the timers shows. */
function timerClock(): number | undefined {
  const clock = setTimeout(() => {}, 1)
  clearTimeout(clock)
  return (clock as unknown as Fields)._idleStart
}

let timeoutKey: symbol | undefined

/** Returns the key under which each socket has its timer. */
function timeoutKeyOf(socket: Socket | undefined): symbol | undefined {
  timeoutKey ??= Object.getOwnPropertySymbols(socket ?? {}).find(
    ({ description }) => description === 'timeout',
  )
  return timeoutKey
}
