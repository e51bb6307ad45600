// Servers and sockets that are being made to listen, and the errors of it.

import type { EventEmitter } from 'node:events'
import { HandoffError } from '../../terms/errors.ts'
import { removeOwnFrames } from '../node/hide-own-frames.ts'
import { realSystem } from '../system/system.ts'

/** Servers, or sockets, that were claimed and do not listen yet. */
export class PendingListens<Emitter extends EventEmitter> {
  readonly #emitters = new WeakSet<Emitter>()

  has(emitter: Emitter): boolean {
    return this.#emitters.has(emitter)
  }

  /**
   * Tracks a listen until it ends.
   *
   * @param listening - the result of the interceptor.
   * @param how - `waits`: whether it goes on in a later turn. `reportsError`: returns whether a rejection
   * becomes an `error` event, as Node's own.
   */
  track(
    emitter: Emitter,
    listening: Promise<void>,
    {
      waits = true,
      reportsError = () => true,
    }: { waits?: boolean; reportsError?: () => boolean } = {},
  ): void {
    if (waits) this.#emitters.add(emitter)
    listening.then(
      () => this.#emitters.delete(emitter),
      (error: Error) => {
        this.#emitters.delete(emitter)
        // Fatal without a listener. Not within the promise: that would be an unhandled rejection, which
        // many programs only log.
        if (reportsError()) process.nextTick(() => emitError(emitter, error))
      },
    )
  }
}

/**
 * Emits an error that ends a listen. If no listener handles it, Node.js would print an error of this
 * package with a stack in which the program does not occur. So this prints one line, and exits.
 */
function emitError(emitter: EventEmitter, error: Error): void {
  if (error instanceof HandoffError) {
    removeOwnFrames(error, Error.stackTraceLimit)
    if (!isHandled(emitter)) {
      realSystem.warn(`handoff: ${error.message} [${error.code}]`)
      realSystem.exit(1)
      return
    }
  }
  emitter.emit('error', error)
}

/** Whether the program handles an error that is emitted there, or the exception that it becomes. */
function isHandled(emitter: EventEmitter): boolean {
  return (
    emitter.listenerCount('error') > 0 ||
    process.listenerCount('uncaughtException') > 0 ||
    process.listenerCount('uncaughtExceptionMonitor') > 0 ||
    process.hasUncaughtExceptionCaptureCallback()
  )
}
