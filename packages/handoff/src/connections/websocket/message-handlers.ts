// Knows whether the application has handled all messages of a WebSocket.

import { EventEmitter } from 'node:events'
import { shadowMethod } from '../../io/node/shadow-method.ts'

/** The events by which the ws library reports a frame. */
const frameEvents = new Set<string | symbol>(['message', 'ping', 'pong'])

export class MessageHandlers {
  #emitted = 0
  /** How many handlers have returned a promise that is not settled. */
  #running = 0

  /** @param onIdle - called when the last handler has ended. */
  constructor(socket: EventEmitter, onIdle: () => void) {
    const emit = socket.emit as (event: string | symbol, ...args: unknown[]) => boolean
    shadowMethod(socket, 'emit', (event: string | symbol, ...args: unknown[]) => {
      if (!frameEvents.has(event)) return emit.call(socket, event, ...args)
      this.#emitted += 1
      // With captureRejections Node.js handles the promises itself, and must get them.
      if (event !== 'message' || EventEmitter.captureRejections) {
        return emit.call(socket, event, ...args)
      }
      // As `emit` does it, but with the results of the listeners.
      const listeners = socket.rawListeners(event)
      for (const listener of listeners) {
        const result: unknown = Reflect.apply(listener, socket, args)
        if (result instanceof Promise) this.#wait(result, onIdle)
      }
      return listeners.length > 0
    })
  }

  /** How many frames the application has received. */
  get emitted(): number {
    return this.#emitted
  }

  /** Whether no handler is running. */
  get isIdle(): boolean {
    return this.#running === 0
  }

  #wait(promise: Promise<unknown>, onIdle: () => void): void {
    this.#running += 1
    // `finally` passes a rejection on: it stays unhandled if it was.
    void promise.finally(() => {
      this.#running -= 1
      if (this.#running === 0) onIdle()
    })
  }
}
