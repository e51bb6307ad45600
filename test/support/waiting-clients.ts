// Clients in the queue of a listener: connected by the kernel, and not accepted by a process yet.

import { execFileSync } from 'node:child_process'

const connectEach = `
  const [count, ...to] = process.argv.slice(1)
  const connect = (left, ports) => {
    if (left === 0) return console.log(JSON.stringify(ports)), process.exit()
    const client = require('node:net').connect(...to.map((part) => JSON.parse(part)))
    client.on('connect', () => connect(left - 1, [...ports, client.localPort ?? 0]))
  }
  connect(Number(count), [])
`

/**
 * Connects so many clients one after the other, while this event loop stands still. They have closed their
 * connections when it returns.
 *
 * @param to - the port at 127.0.0.1, or the path.
 * @returns their ports, in the order of the queue.
 */
export function connectWaiting(to: number | string, count: number): number[] {
  const where = typeof to === 'number' ? [to, '127.0.0.1'] : [to]
  const args = ['-e', connectEach, `${count}`, ...where.map((part) => JSON.stringify(part))]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

/** Counts the turns of the event loop in which something happens. */
export class TurnCounter {
  readonly #turns = new Set<number>()
  #turn = 0
  #ended = false

  constructor() {
    const next = () => {
      this.#turn += 1
      if (!this.#ended) setImmediate(next)
    }
    next()
  }

  /** Call this when it happens. */
  mark(): void {
    this.#turns.add(this.#turn)
  }

  /** Ends the count, and returns the number of turns. */
  end(): number {
    this.#ended = true
    return this.#turns.size
  }
}
