// Whether a WebSocket's messages have been handled: each was told to the application, and none of
// its handlers is still at work.

import { EventEmitter } from 'node:events'
import { shadow } from '../../io/node/shadow.ts'

/** The events with which the ws library tells of a frame that arrived. */
const frameEvents = new Set<string | symbol>(['message', 'ping', 'pong'])

export class Handling {
  #told = 0
  /** How many handlers have returned a promise that is not settled. */
  #working = 0

  /** @param onIdle - told when the last handler has ended. */
  constructor(socket: EventEmitter, onIdle: () => void) {
    const emit = socket.emit as (event: string | symbol, ...args: unknown[]) => boolean
    shadow(socket, 'emit', (event: string | symbol, ...args: unknown[]) => {
      if (!frameEvents.has(event)) return emit.call(socket, event, ...args)
      this.#told += 1
      // With captureRejections Node looks at the promises itself, and must get them.
      if (event !== 'message' || EventEmitter.captureRejections) {
        return emit.call(socket, event, ...args)
      }
      // As emit does it, but for what the listeners return.
      const listeners = socket.rawListeners(event)
      for (const listener of listeners) {
        const result: unknown = Reflect.apply(listener, socket, args)
        if (result instanceof Promise) this.#wait(result, onIdle)
      }
      return listeners.length > 0
    })
  }

  /** How many frames were told to the application. */
  get told(): number {
    return this.#told
  }

  /** Whether no handler is at work. */
  get idle(): boolean {
    return this.#working === 0
  }

  #wait(promise: Promise<unknown>, onIdle: () => void): void {
    this.#working += 1
    // Its rejection stays unhandled where it was: `finally` passes it on.
    void promise.finally(() => {
      this.#working -= 1
      if (this.#working === 0) onIdle()
    })
  }
}
