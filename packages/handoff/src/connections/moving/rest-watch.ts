// Where connections come to rest that were handed over and are used here: the old process may have to know.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { Progress } from '../../io/native/many-connections.ts'
import { requestBeingRead } from '../../io/node/internals.ts'
import type { System } from '../../io/system/system.ts'
import type { Rest } from './mover.ts'

/** Node publishes it when a response has been handed to the kernel: its connection may be at rest. */
export const responseFinished = 'http.server.response.finish'

/**
 * How far apart two looks are for each connection of the server, in milliseconds: a look costs up to
 * 0.5 µs for each, and all looks together should take no more than a twentieth of the time.
 */
const pauseMsEach = 0.01

/** Where the pause is shorter, in milliseconds, a turn of the event loop is pause enough. */
const shortPauseMs = 5

export interface Rested {
  socket: Socket
  /** Undefined where the kernel does not tell. */
  progress: Progress | undefined
  item: unknown
}

interface RestHandlers {
  /** Tells which of these connections stand between two requests now, and where. */
  pick(used: ReadonlySet<Socket>): Rested[]
  /** How many connections the server has. */
  size(): number
}

/**
 * @remarks What was answered and not told of yet is lost to its client if this process is killed, so
 * a look does not wait for the end of a turn of the event loop, in which a busy server answers
 * dozens. Costs nothing before the first connection is added, and nothing once it was stopped.
 */
export class RestWatch {
  readonly #system: System
  readonly #handlers: RestHandlers
  #watched = new WeakMap<Socket, (rest: Rest) => void>()
  /** On these a response has been sent since the last look. */
  #used = new Set<Socket>()
  #state: 'new' | 'watching' | 'stopped' = 'new'
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly #scheduled = new Set<'soon' | 'later'>()

  constructor(system: System, handlers: RestHandlers) {
    this.#system = system
    this.#handlers = handlers
  }

  /** Tells `onRest` whenever the connection has come to rest after a response. */
  add(socket: Socket, onRest: (rest: Rest) => void): void {
    if (this.#state === 'stopped') return
    if (this.#state === 'new') subscribe(responseFinished, this.#onFinished)
    this.#state = 'watching'
    this.#watched.set(socket, onRest)
  }

  /** Nobody wants to know any more, for good. */
  stop(): void {
    if (this.#state === 'watching') unsubscribe(responseFinished, this.#onFinished)
    this.#state = 'stopped'
    this.#watched = new WeakMap()
    this.#used.clear()
  }

  readonly #onFinished = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    if (this.#watched.has(socket)) this.#lookAt(socket)
  }

  #lookAt(socket: Socket): void {
    this.#used.add(socket)
    if (this.#state === 'stopped') return
    const pauseMs = this.#handlers.size() * pauseMsEach
    const leftMs = pauseMs - (this.#system.now() - this.#lookedAt)
    if (leftMs <= 0) this.#schedule('soon', (look) => process.nextTick(look))
    else if (pauseMs < shortPauseMs) this.#schedule('later', (look) => setImmediate(look))
    else this.#schedule('later', (look) => this.#system.timer(Math.ceil(leftMs), look, true))
  }

  /** Once the server has learned of the response, and the parser has all of what was read with it. */
  #schedule(when: 'soon' | 'later', wait: (look: () => void) => void): void {
    if (this.#scheduled.has(when)) return
    this.#scheduled.add(when)
    wait(() => {
      this.#scheduled.delete(when)
      this.#look()
    })
  }

  #look(): void {
    this.#lookedAt = this.#system.now()
    const used = this.#used
    this.#used = new Set()
    if (used.size === 0) return
    for (const { socket, progress, item } of this.#handlers.pick(used)) {
      used.delete(socket)
      if (progress !== undefined) this.#watched.get(socket)?.({ progress, item })
    }
    // The others read or answer a request, and finish a response again; unless that is sent, and
    // the rest of its request still comes.
    for (const socket of used) {
      requestBeingRead(socket)?.once('close', () => this.#lookAt(socket))
    }
  }
}
