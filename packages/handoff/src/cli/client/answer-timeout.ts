// How long an answer of the supervisor may bring nothing.

import type { ClientRequest } from 'node:http'

/** Destroys a request and its response after a silence. */
export class Silence {
  readonly #request: ClientRequest
  #ms = 0
  #error: Error | undefined

  /** @param makeError - makes the error with which the request ends, of the milliseconds that it was silent. */
  constructor(request: ClientRequest, makeError: (ms: number) => Error) {
    this.#request = request
    // A response that is being read shows its end by itself.
    request.on('error', () => {})
    request.on('timeout', () => {
      const { bytesRead } = request.socket ?? {}
      // If this process itself was stopped (Ctrl-Z), what came meanwhile is read before the second turn.
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

  /** The error with which it ended; undefined if it did not end by silence. */
  get error(): Error | undefined {
    return this.#error
  }

  /** From now on a silence of so many milliseconds is the end; 0: none is. */
  allow(ms: number): void {
    this.#ms = ms
    this.#request.setTimeout(ms)
  }
}
