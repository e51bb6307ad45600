// Numbers the connections that arrive, and reports to the old process those that end or come to rest.

import type { Origin, Rest } from '../../connections/moving/mover.ts'
import type { PositionFile } from '../../io/channel/position-file.ts'
import type { RestMessage } from '../../protocol/messages.ts'

/** Rests in one message: a few dozen bytes each, and a frame has bounds. */
const mostRests = 1_000

/** Ends in one message: a number each. */
const mostEnds = 10_000

/** Sends the reports. The old process holds a descriptor of each connection in case this one dies. */
export interface ArrivalHandlers {
  /** These connections have ended here. Resolves when the kernel has the message. */
  sendEnded(numbers: number[]): Promise<void>
  /** These connections are quiescent again. Resolves when the kernel has the message. */
  sendRested(rests: RestMessage[]): Promise<void>
}

export class Arrivals {
  readonly #handlers: ArrivalHandlers
  #count = 0
  #reportsRests = false
  /** Whether the old process needs all of an item with each rest, also what cannot change. */
  wantsWholeItems = false
  #positions: PositionFile | undefined
  /** By number. A later rest takes the place of one that is not sent yet. */
  readonly #rests = new Map<number, Rest>()
  readonly #ended: number[] = []
  #sendsRests = false
  #sendsEnds = false

  constructor(handlers: ArrivalHandlers) {
    this.#handlers = handlers
  }

  get reportsRests(): boolean {
    return this.#reportsRests
  }

  /** @param wanted - whether the old process wants to know where connections come to rest. */
  set reportsRests(wanted: boolean) {
    this.#reportsRests = wanted
    if (wanted) return
    this.#rests.clear()
    this.#positions?.close()
  }

  /** Writes rests to this file, as far as they fit, and sends the others. Owns it. */
  writesTo(positions: PositionFile | undefined): void {
    this.#positions = positions
  }

  /** Numbers the next connections. */
  take(count: number): Origin[] {
    const origins: Origin[] = []
    for (let index = 0; index < count; index++) origins.push(new Arrival(this, this.#count + index))
    this.#count += count
    return origins
  }

  noteEnd(number: number): void {
    this.#rests.delete(number)
    this.#ended.push(number)
    if (this.#sendsEnds) return
    this.#sendsEnds = true
    queueMicrotask(() => void this.#sendEnds())
  }

  noteRest(number: number, rest: Rest): void {
    if (!this.#reportsRests) return
    if (this.#positions?.write(number, { ...rest.progress, item: rest.item }) === true) {
      this.#rests.delete(number)
      return
    }
    this.#rests.set(number, rest)
    if (this.#sendsRests) return
    this.#sendsRests = true
    queueMicrotask(() => void this.#sendRests())
  }

  /** As {@link #sendRests}. Each connection that came waits here once at most, as a number. */
  async #sendEnds(): Promise<void> {
    while (this.#ended.length > 0) await this.#handlers.sendEnded(this.#ended.splice(0, mostEnds))
    this.#sendsEnds = false
  }

  /** Sends one message after the other: an old process that does not read must not fill our memory. */
  async #sendRests(): Promise<void> {
    while (this.#rests.size > 0) {
      const rests: RestMessage[] = []
      for (const [number, { progress, item }] of this.#rests) {
        if (rests.length === mostRests) break
        this.#rests.delete(number)
        rests.push({ number, ...progress, item })
      }
      await this.#handlers.sendRested(rests)
    }
    this.#sendsRests = false
  }
}

/** One connection. There are thousands, so that a closure for each method would be too much. */
class Arrival implements Origin {
  readonly #arrivals: Arrivals
  readonly #number: number

  constructor(arrivals: Arrivals, number: number) {
    this.#arrivals = arrivals
    this.#number = number
  }

  get wantsRests(): boolean {
    return this.#arrivals.reportsRests
  }

  get wantsWholeItems(): boolean {
    return this.#arrivals.wantsWholeItems
  }

  onEnd(): void {
    this.#arrivals.noteEnd(this.#number)
  }

  onRest(rest: Rest): void {
    this.#arrivals.noteRest(this.#number, rest)
  }
}
