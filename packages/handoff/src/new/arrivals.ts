// Numbers the connections that arrive, and tells the old process of those that end.

/** The old process holds a descriptor of each for the case that we die; ours is not the last one. */
export class Arrivals {
  readonly #send: (numbers: number[]) => void
  #count = 0
  #ended: number[] = []

  /** @param send - told of the numbers of connections that have ended, a batch at a time. */
  constructor(send: (numbers: number[]) => void) {
    this.#send = send
  }

  /** @returns what to call when this process closes the next connection, or lets go of it. */
  next(): () => void {
    const number = this.#count
    this.#count += 1
    return () => this.#end(number)
  }

  #end(number: number): void {
    this.#ended.push(number)
    if (this.#ended.length === 1) queueMicrotask(() => this.#send(this.#ended.splice(0)))
  }
}
