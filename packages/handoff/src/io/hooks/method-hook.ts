// One method of a class of Node's, hooked for as long as somebody intercepts its calls.

import type { EventEmitter } from 'node:events'
import { HandoffError } from '../../terms/errors.ts'
import { cleanStack } from '../node/own-stack.ts'
import { realSystem } from '../system/system.ts'

export class MethodHook<Interceptor> {
  readonly #prototype: object
  readonly #name: string
  readonly #hooked: (...args: never[]) => unknown
  readonly #original: unknown
  readonly #interceptors: Interceptor[] = []

  /** @param hooked - takes the place of the method `name` of `prototype`. */
  constructor(prototype: object, name: string, hooked: (...args: never[]) => unknown) {
    this.#prototype = prototype
    this.#name = name
    this.#hooked = hooked
    this.#original = Reflect.get(prototype, name)
  }

  /** @returns the undo; with the last interceptor Node's own method is back. */
  add(interceptor: Interceptor): () => void {
    if (this.#interceptors.length === 0) Reflect.set(this.#prototype, this.#name, this.#hooked)
    this.#interceptors.push(interceptor)
    return () => {
      const index = this.#interceptors.indexOf(interceptor)
      if (index < 0) return
      this.#interceptors.splice(index, 1)
      // Someone else may have hooked it after us; then ours stays below and passes everything on.
      const isOurs = Reflect.get(this.#prototype, this.#name) === this.#hooked
      if (this.#interceptors.length === 0 && isOurs) {
        Reflect.set(this.#prototype, this.#name, this.#original)
      }
    }
  }

  /** The first interceptor that claims a call. */
  find(claims: (interceptor: Interceptor) => boolean): Interceptor | undefined {
    return this.#interceptors.find(claims)
  }
}

/** What is claimed, and does not listen yet. */
export class Pending<Emitter extends EventEmitter> {
  readonly #emitters = new WeakSet<Emitter>()

  has(emitter: Emitter): boolean {
    return this.#emitters.has(emitter)
  }

  /**
   * Follows what its interceptor does.
   *
   * @param how - `waits`: whether it goes on in a later turn. `isTold`: whether a rejection becomes an
   * `error` event, as Node's own.
   */
  follow(
    emitter: Emitter,
    listening: Promise<void>,
    { waits = true, isTold = () => true }: { waits?: boolean; isTold?: () => boolean } = {},
  ): void {
    if (waits) this.#emitters.add(emitter)
    listening.then(
      () => this.#emitters.delete(emitter),
      (error: Error) => {
        this.#emitters.delete(emitter)
        // Fatal where nobody hears it; out of the promise, where it would be an unhandled
        // rejection, which many programs only log.
        if (isTold()) process.nextTick(() => failWith(emitter, error))
      },
    )
  }
}

/**
 * Emits an error that ends a listen. Node.js would print one of ours, if nothing in the program hears it,
 * with a stack in which the program does not occur: one line says more.
 */
function failWith(emitter: EventEmitter, error: Error): void {
  if (error instanceof HandoffError) {
    cleanStack(error, Error.stackTraceLimit)
    if (!isHeard(emitter)) {
      realSystem.warn(`handoff: ${error.message} [${error.code}]`)
      realSystem.exit(1)
      return
    }
  }
  emitter.emit('error', error)
}

/** Whether the program hears of an error that is emitted there, or of the exception that it becomes. */
function isHeard(emitter: EventEmitter): boolean {
  return (
    emitter.listenerCount('error') > 0 ||
    process.listenerCount('uncaughtException') > 0 ||
    process.listenerCount('uncaughtExceptionMonitor') > 0 ||
    process.hasUncaughtExceptionCaptureCallback()
  )
}
