// New connections at a steady rate, whether or not the earlier ones were answered.
//
// The time of each counts from the moment in which it was due. A client that waits for the server before
// it begins the next request would leave out the very requests that wait longest.

import { setTimeout as pause } from 'node:timers/promises'
import { send, type Target } from './send.ts'
import type { Tally } from './tally.ts'

export interface ArrivalOptions {
  perSecond: number
  /**
   * Most that are under way at a time. A server without enough processor time accepts more slowly than
   * connections come, and what overflows its queue (511 in Node.js) the kernel drops, handoff or not.
   */
  limit: number
  /** A request without a whole reply after so many milliseconds has failed. */
  deadlineMs: number
}

export class Arrivals {
  /** How many were not begun since too many were under way. */
  heldBack = 0
  /** For each request, how many milliseconds after it was due this process began it. */
  readonly lateMs: number[] = []
  readonly #running: Promise<void>
  #stopping = false

  constructor(target: Target, options: ArrivalOptions, tally: Tally) {
    this.#running = this.#run(target, options, tally)
  }

  /** Begins no more, and lets those under way end. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(target: Target, options: ArrivalOptions, tally: Tally): Promise<void> {
    const { perSecond, limit, deadlineMs } = options
    if (perSecond === 0) return
    const underWay = new Set<Promise<void>>()
    const startedAt = performance.now()
    const dueAt = (index: number) => startedAt + (index * 1000) / perSecond
    for (let next = 0; !this.#stopping; ) {
      for (; dueAt(next) <= performance.now(); next++) {
        if (underWay.size >= limit) {
          this.heldBack++
          continue
        }
        const due = dueAt(next)
        this.lateMs.push(performance.now() - due)
        const request = send(target, { path: '/', text: 'hello\n', deadlineMs }).then((reply) => {
          tally.add('arriving', { ...reply, ms: performance.now() - due })
          underWay.delete(request)
        })
        underWay.add(request)
      }
      await pause(dueAt(next) - performance.now())
    }
    await Promise.all(underWay)
  }
}
