// Reports to the old process when connections that it handed over are quiescent again after use.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { Progress } from '../../io/native/many-connections.ts'
import { requestBeingRead } from '../../io/node/internals/http-parser.ts'
import type { System } from '../../io/system/system.ts'
import type { Rest } from '../moving/mover.ts'

/** Node.js publishes this when a response is with the kernel: its connection may be quiescent. */
export const responseFinished = 'http.server.response.finish'

/**
 * Time between two checks for each connection of the server, in milliseconds: a check costs up to
 * 0.5 µs for each, and all checks together should take no more than a twentieth of the time.
 */
const pauseMsEach = 0.01

/** If the pause is shorter, in milliseconds, a turn of the event loop is pause enough. */
const shortPauseMs = 5

export interface Resting {
  socket: Socket
  /** Undefined if the kernel does not report it. */
  progress: Progress | undefined
  item: unknown
}

interface RestHandlers {
  /** Returns those of the used connections that are between two requests now. */
  restingAmong(used: ReadonlySet<Socket>): Resting[]
  /** Returns how many connections the server has. */
  size(): number
}

/**
 * @remarks If this process is killed, a connection that was used and not reported since is lost to its
 * client. So a check does not wait for the end of a turn of the event loop, in which a busy server
 * answers dozens of requests. Costs nothing before the first connection is added, and nothing once it
 * was stopped.
 */
export class RestReporter {
  readonly #system: System
  readonly #handlers: RestHandlers
  #watched = new WeakMap<Socket, (rest: Rest) => void>()
  /** Connections on which a response was sent since the last check. */
  #used = new Set<Socket>()
  #state: 'new' | 'watching' | 'stopped' = 'new'
  #checkedAt = Number.NEGATIVE_INFINITY
  readonly #scheduled = new Set<'soon' | 'later'>()

  constructor(system: System, handlers: RestHandlers) {
    this.#system = system
    this.#handlers = handlers
  }

  /** Calls `onRest` whenever the connection is quiescent after a response. */
  add(socket: Socket, onRest: (rest: Rest) => void): void {
    if (this.#state === 'stopped') return
    if (this.#state === 'new') subscribe(responseFinished, this.#onFinished)
    this.#state = 'watching'
    this.#watched.set(socket, onRest)
  }

  /** Reports nothing more. Cannot be undone. */
  stop(): void {
    if (this.#state === 'watching') unsubscribe(responseFinished, this.#onFinished)
    this.#state = 'stopped'
    this.#watched = new WeakMap()
    this.#used.clear()
  }

  readonly #onFinished = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    if (this.#watched.has(socket)) this.#checkSoon(socket)
  }

  #checkSoon(socket: Socket): void {
    this.#used.add(socket)
    if (this.#state === 'stopped') return
    const pauseMs = this.#handlers.size() * pauseMsEach
    const leftMs = pauseMs - (this.#system.now() - this.#checkedAt)
    if (leftMs <= 0) this.#schedule('soon', (check) => process.nextTick(check))
    else if (pauseMs < shortPauseMs) this.#schedule('later', (check) => setImmediate(check))
    else this.#schedule('later', (check) => this.#system.timer(Math.ceil(leftMs), check, true))
  }

  /** Checks when the server knows of the response, and the parser has all that was read with it. */
  #schedule(when: 'soon' | 'later', wait: (check: () => void) => void): void {
    if (this.#scheduled.has(when)) return
    this.#scheduled.add(when)
    wait(() => {
      this.#scheduled.delete(when)
      this.#check()
    })
  }

  #check(): void {
    this.#checkedAt = this.#system.now()
    const used = this.#used
    this.#used = new Set()
    if (used.size === 0) return
    for (const { socket, progress, item } of this.#handlers.restingAmong(used)) {
      used.delete(socket)
      if (progress !== undefined) this.#watched.get(socket)?.({ progress, item })
    }
    // The others read or answer a request, and finish another response. The exception: a response was
    // sent before all of its request has come.
    for (const socket of used) {
      requestBeingRead(socket)?.once('close', () => this.#checkSoon(socket))
    }
  }
}
