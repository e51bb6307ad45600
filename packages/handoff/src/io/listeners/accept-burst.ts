// Accepts several connections in one turn of the event loop while clients wait in the queue.

import { AsyncResource } from 'node:async_hooks'
import type { Server } from 'node:net'
import { constants } from 'node:os'
import timers from 'node:timers'
import { loadNative } from '../native/addon.ts'
import { close } from '../native/descriptors.ts'
import {
  type ConnectionCallback,
  connectionCallback,
  connectionHandle,
  listeningDescriptor,
} from '../node/internals/accepting.ts'
import { handleOf, type ListeningHandle } from '../node/internals/server-handle.ts'
import type { System } from '../system/system.ts'

/**
 * The most connections of a burst: the first one, and one after others that left clients in the queue. A
 * process with idle event loops beside it, which accept from the same queue, should not take all.
 */
const firstSize = 4
const largestSize = 16
/** No connection is accepted after so long: the connections that the process has wait meanwhile. */
const longestMs = 2

/** After so many accepts in a row without a queue, only one in {@link rareLooks} is followed by a look. */
const looksBeforeRare = 64
const rareLooks = 4

/** After so many turns in a row without a queue at their end, the server has caught up with its clients. */
const turnsToWatch = 32

const ABORTED = -constants.errno.ECONNABORTED

// The program may replace them later, by a clock for tests for example.
const { setImmediate } = timers
const { nextTick } = process

/** One burst: the handle from which it accepts, and what passes a connection to the server. */
interface Burst {
  readonly handle: ListeningHandle
  readonly pass: ConnectionCallback
  readonly endsAt: number
}

/**
 * Accepts on behalf of a server, from the listener from which the server accepts itself.
 *
 * @remarks libuv accepts one connection in each turn of its loop (libuv#3696), and reads from it in the next
 * turn. A server with many busy connections has long turns, in which several clients arrive. When the server
 * has accepted one and more clients wait, this accepts them at the end of the turn, and looks again at the end
 * of each turn from then on, until the server has caught up: a client that arrives in a turn does not wait for
 * the next one to be accepted, and for a third one to be read. Each goes the way of Node's own: the callback
 * of the listening handle, with a queue of ticks and microtasks of its own, and no frame of this package below
 * it.
 *
 * No state has to follow the server's: a burst ends when the server has another handle, or none.
 */
export class AcceptBurst {
  readonly #server: Server
  readonly #system: Pick<System, 'now'>
  /** That of the listen: not that of a connection whose listener has entered a context of its own. */
  readonly #context = new AsyncResource('socket-handoff:accept')
  readonly #step = () => this.#onStep()
  #burst: Burst | undefined
  /** The steps that are scheduled for the end of this turn, or of the next one; 0: this does not watch. */
  #steps = 0
  #isFirstStep = false
  #size = firstSize
  #turnsInVain = 0
  #looksInVain = 0
  #looksToSkip = 0

  constructor(server: Server, system: Pick<System, 'now'>) {
    this.#server = server
    this.#system = system
  }

  /** Call this for each connection that the server has accepted. Accepts more at the end of this turn. */
  onAccepted(): void {
    if (this.#steps > 0) return
    if (this.#looksToSkip > 0) {
      this.#looksToSkip -= 1
      return
    }
    const fd = listeningDescriptor(handleOf(this.#server))
    if (fd === undefined) return
    if (hasQueue(fd)) this.#watch()
    else this.#countVainLook()
  }

  #countVainLook(): void {
    if (this.#looksInVain < looksBeforeRare) this.#looksInVain += 1
    else this.#looksToSkip = rareLooks - 1
  }

  #watch(): void {
    this.#looksInVain = 0
    this.#turnsInVain = 0
    this.#size = firstSize
    this.#awaitEndOfTurn()
  }

  #awaitEndOfTurn(): void {
    this.#steps = this.#size
    this.#isFirstStep = true
    // Node.js empties the queues of ticks and microtasks after each of them. They neither keep the process, nor
    // have the event loop turn without waiting for events.
    this.#context.runInAsyncScope(() => {
      for (let step = 0; step < this.#size; step++) setImmediate(this.#step).unref()
    })
  }

  #onStep(): void {
    if (this.#isFirstStep) this.#begin()
    this.#isFirstStep = false
    this.#steps -= 1
    if (this.#burst !== undefined && !this.#accept(this.#burst)) this.#burst = undefined
    if (this.#steps > 0) return
    if (this.#burst !== undefined) this.#size = Math.min(this.#size * 2, largestSize)
    this.#burst = undefined
    const isClosed = listeningDescriptor(handleOf(this.#server)) === undefined
    if (!isClosed && this.#turnsInVain < turnsToWatch) this.#awaitEndOfTurn()
  }

  #begin(): void {
    const handle = handleOf(this.#server)
    const fd = listeningDescriptor(handle)
    if (handle === null || fd === undefined) return
    if (!hasQueue(fd)) {
      this.#turnsInVain += 1
      this.#size = firstSize
      return
    }
    this.#turnsInVain = 0
    const endsAt = this.#system.now() + longestMs
    this.#burst = { handle, pass: connectionCallback(handle), endsAt }
  }

  /** Returns whether the burst goes on. */
  #accept({ handle, pass, endsAt }: Burst): boolean {
    if (this.#system.now() >= endsAt) return false
    const listener = listeningDescriptor(handle)
    // The program, or a gate, has closed it.
    if (listener === undefined || handleOf(this.#server) !== handle) return false
    const fd = loadNative().accept(listener)
    if (fd === ABORTED) return true
    if (fd < 0) {
      // The queue is empty. Or libuv fails likewise in the next turn, and does what Node.js does then.
      this.#size = firstSize
      return false
    }
    const connection = connectionHandle(handle, fd)
    if (connection === undefined) close(fd)
    else Reflect.apply(nextTick, process, [pass, 0, connection])
    return true
  }
}

/** Whether a client waits in the queue of a listener. Costs less than an accept that fails. */
function hasQueue(listener: number): boolean {
  return loadNative().waitReadable(listener, 0) === 1
}
