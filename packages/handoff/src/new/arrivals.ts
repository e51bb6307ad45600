// Numbers the connections that arrive, and tells the old process of those that end or come to rest.

import type { Origin, Rest } from '../connections/moving/mover.ts'
import type { RestMessage } from '../protocol/messages.ts'

/** Rests in one message: a few dozen bytes each, and a frame has bounds. */
const restsAtOnce = 1_000

/** Ends in one message: a number each. */
const endsAtOnce = 10_000

/** What the old process is told; it holds a descriptor of each connection for the case that we die. */
export interface ArrivalHandlers {
  /** Ours is not the last descriptor of these. Resolves when the kernel has the message. */
  ended(numbers: number[]): Promise<void>
  /** These stand between two requests. Resolves when the kernel has the message. */
  rested(rests: RestMessage[]): Promise<void>
}

export class Arrivals {
  readonly #handlers: ArrivalHandlers
  #count = 0
  readonly #ended: number[] = []
  #tellsRests = false
  /** By number; what comes later takes the place of what was not told yet. */
  readonly #rests = new Map<number, Rest>()
  #telling = false
  #tellingEnds = false

  constructor(handlers: ArrivalHandlers) {
    this.#handlers = handlers
  }

  /** The old process wants to know where connections come to rest, or does so no more. */
  tellRests(wanted: boolean): void {
    this.#tellsRests = wanted
    if (!wanted) this.#rests.clear()
  }

  get tellsRests(): boolean {
    return this.#tellsRests
  }

  /** Where the next connection comes from. */
  next(): Origin {
    const number = this.#count
    this.#count += 1
    return new Arrival(this, number)
  }

  end(number: number): void {
    this.#rests.delete(number)
    this.#ended.push(number)
    if (this.#tellingEnds) return
    this.#tellingEnds = true
    queueMicrotask(() => void this.#tellEnds())
  }

  /** As {@link #tell}: what waits is a number for each connection that came, and each ends once. */
  async #tellEnds(): Promise<void> {
    while (this.#ended.length > 0) await this.#handlers.ended(this.#ended.splice(0, endsAtOnce))
    this.#tellingEnds = false
  }

  rest(number: number, rest: Rest): void {
    if (!this.#tellsRests) return
    this.#rests.set(number, rest)
    if (this.#telling) return
    this.#telling = true
    queueMicrotask(() => void this.#tell())
  }

  /** One message after the other: an old process that does not read must not fill our memory. */
  async #tell(): Promise<void> {
    while (this.#rests.size > 0) {
      const rests: RestMessage[] = []
      for (const [number, { progress, item }] of this.#rests) {
        if (rests.length === restsAtOnce) break
        this.#rests.delete(number)
        rests.push({ number, ...progress, item })
      }
      await this.#handlers.rested(rests)
    }
    this.#telling = false
  }
}

/** One of them; there are thousands at once, so that a closure for each method is too much. */
class Arrival implements Origin {
  readonly #arrivals: Arrivals
  readonly #number: number

  constructor(arrivals: Arrivals, number: number) {
    this.#arrivals = arrivals
    this.#number = number
  }

  get wantsRests(): boolean {
    return this.#arrivals.tellsRests
  }

  onEnd(): void {
    this.#arrivals.end(this.#number)
  }

  onRest(rest: Rest): void {
    this.#arrivals.rest(this.#number, rest)
  }
}
