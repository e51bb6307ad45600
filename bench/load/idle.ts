// Idle connections, and one client that asks all the time.

import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import tls from 'node:tls'

const host = '127.0.0.1'
/**
 * Ports of one source address are few, and those of a run before are not free for a minute
 * (TIME_WAIT): this many connections each, and other addresses in each run.
 */
const PER_ADDRESS = 5_000
let runs = process.pid

/** Opens connections and makes one request on each, a few hundred at a time. `ca` makes them secure. */
export async function openIdle(port: number, count: number, ca?: Buffer): Promise<net.Socket[]> {
  const network = `127.${1 + (runs++ % 250)}`
  const sockets: net.Socket[] = []
  for (let begun = 0; begun < count; begun += 200) {
    const batch = Array.from({ length: Math.min(200, count - begun) }, (_, index) => {
      const localAddress = `${network}.0.${1 + Math.floor((begun + index) / PER_ADDRESS)}`
      const where = { host, port, localAddress }
      return ca === undefined ? net.connect(where) : tls.connect({ ...where, ca })
    })
    const opened = ca === undefined ? 'connect' : 'secureConnect'
    await Promise.all(batch.map((socket) => once(socket, opened)))
    await Promise.all(batch.map(ask))
    sockets.push(...batch)
  }
  return sockets
}

/** Sends one request, and resolves when it is answered. Rejects if the connection ends. */
export function ask(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(new Error('cannot ask: the connection was closed.'))
    if (socket.destroyed) return onEnd()
    socket.once('close', onEnd)
    socket.once('data', () => {
      socket.off('close', onEnd)
      resolve()
    })
    socket.write('GET / HTTP/1.1\r\nHost: bench\r\n\r\n')
  })
}

export interface Waits {
  /** Returns the longest wait within a span of time, in milliseconds. */
  longest(from: number, to: number): number
}

/** Asks on one connection, resting so long between two requests, and keeps each wait. */
export function probe(port: number, thinkMs: number): { stop(): Promise<Waits> } {
  const waits: { from: number; to: number }[] = []
  let isStopped = false
  const done = (async () => {
    const socket = net.connect({ host, port })
    await once(socket, 'connect')
    while (!isStopped) {
      const from = performance.now()
      await ask(socket)
      waits.push({ from, to: performance.now() })
      if (thinkMs > 0) await pause(thinkMs)
    }
    socket.destroy()
  })()
  return {
    async stop() {
      isStopped = true
      await done
      return {
        longest: (from, to) =>
          waits
            .filter((wait) => wait.to >= from && wait.from <= to)
            .reduce((longest, wait) => Math.max(longest, wait.to - wait.from), 0),
      }
    },
  }
}
