// Limits how long the supervisor may send nothing.

import type { ClientRequest } from 'node:http'

/** Destroys a request and its response if nothing arrives for some time. */
export class AnswerTimeout {
  readonly #request: ClientRequest
  #ms = 0
  #error: Error | undefined

  /** @param makeError - makes the error with which the request ends. Gets the time in milliseconds. */
  constructor(request: ClientRequest, makeError: (ms: number) => Error) {
    this.#request = request
    // The reader of a response gets the error by itself.
    request.on('error', () => {})
    request.on('timeout', () => {
      const { bytesRead } = request.socket ?? {}
      // If this process was stopped (Ctrl-Z), data that arrived meanwhile is read before the second turn.
      setImmediate(() =>
        setImmediate(() => {
          if (this.#ms > 0 && request.socket?.bytesRead === bytesRead) {
            this.#error = makeError(this.#ms)
            request.destroy(this.#error)
          }
        }),
      )
    })
  }

  /** The error with which the request ended; undefined if it did not time out. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Sets the time for which nothing may arrive, in milliseconds; 0: no limit. */
  set(ms: number): void {
    this.#ms = ms
    this.#request.setTimeout(ms)
  }
}
