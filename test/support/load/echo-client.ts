// One WebSocket that sends numbers and checks that each comes back once, in order, and counted.

import { once } from 'node:events'
import WebSocket from 'ws'

/** What became of the messages of one or more WebSockets. */
export interface Echoes {
  sent: number
  echoed: number
  /** Never came back. */
  lost: number
  /** Came back after a later one. */
  reordered: number
  /** Came back a second time. */
  doubled: number
  /** Came back with another count than the server should have kept: its state was lost. */
  miscounted: number
}

/**
 * `everyMs`: a message each so many milliseconds. `without pause`: as soon as there is room, with
 * never more than {@link underWayLimit} on their way, so that the server is never without one.
 */
export type Pace = { everyMs: number } | 'without pause'

const underWayLimit = 32

export class EchoClient {
  readonly socket: WebSocket
  /** Why it has ended; undefined while it is open. */
  ended: string | undefined
  /** The process that echoed last. */
  usedBy: string | undefined
  readonly #onEcho: (pid: string) => void
  readonly #timer: NodeJS.Timeout | undefined
  readonly #pace: Pace
  /** When each message was sent that did not come back yet; by number. */
  readonly #underWay = new Map<number, number>()
  readonly #counts = { sent: 0, echoed: 0, reordered: 0, doubled: 0, miscounted: 0 }
  #highest = 0
  #stopping = false

  private constructor(socket: WebSocket, pace: Pace, onEcho: (pid: string) => void) {
    this.socket = socket
    this.#pace = pace
    this.#onEcho = onEcho
    socket.on('message', (data) => this.#hear(String(data)))
    if (pace === 'without pause') this.#fill()
    else this.#timer = setInterval(() => this.#send(), pace.everyMs)
  }

  static async open(
    url: string,
    pace: Pace,
    handlers: { onEcho(pid: string): void; onEnd(client: EchoClient): void },
    options: WebSocket.ClientOptions = {},
  ): Promise<EchoClient> {
    const socket = new WebSocket(url, options)
    await once(socket, 'open')
    const client = new EchoClient(socket, pace, handlers.onEcho)
    const end = (reason: string) => {
      clearInterval(client.#timer)
      if (client.ended !== undefined) return
      client.ended = reason
      handlers.onEnd(client)
    }
    socket.on('error', (error) => end(`${error}`))
    socket.on('close', (code, reason) => end(`${code} ${reason}`))
    return client
  }

  /** When the oldest message was sent that did not come back yet. */
  get begunAt(): number | undefined {
    return this.#underWay.values().next().value
  }

  get echoes(): Echoes {
    return { ...this.#counts, lost: this.#underWay.size }
  }

  /** How many are missing of those that were sent before the last that came back. */
  get holes(): number {
    return [...this.#underWay.keys()].filter((number) => number < this.#highest).length
  }

  /** Whether all that was sent came back, or cannot any more. */
  get complete(): boolean {
    return this.ended !== undefined || this.#underWay.size === 0
  }

  /** Sends no more. */
  stop(): void {
    this.#stopping = true
    clearInterval(this.#timer)
  }

  async close(): Promise<void> {
    this.ended ??= 'closed by the client'
    if (this.socket.readyState === WebSocket.CLOSED) return
    this.socket.close()
    await once(this.socket, 'close')
  }

  #send(): void {
    if (this.#stopping || this.ended !== undefined) return
    const number = ++this.#counts.sent
    this.#underWay.set(number, performance.now())
    this.socket.send(String(number))
  }

  #fill(): void {
    while (this.#underWay.size < underWayLimit && !this.#stopping && this.ended === undefined) {
      this.#send()
    }
  }

  #hear(text: string): void {
    const [number = 0, count, pid] = text.split(' ').map(Number)
    this.#counts.echoed++
    if (count !== number) this.#counts.miscounted++
    if (!this.#underWay.delete(number)) this.#counts.doubled++
    else if (number < this.#highest) this.#counts.reordered++
    this.#highest = Math.max(this.#highest, number)
    this.usedBy = `${pid}`
    this.#onEcho(this.usedBy)
    if (this.#pace === 'without pause') this.#fill()
  }
}
