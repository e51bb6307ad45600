// Accepts the connections of a Unix listener, at a pace that no peer can exceed.

import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import {
  check,
  loadNative,
  type Poll,
  READABLE,
  systemError,
  WOULD_BLOCK,
} from '../native/addon.ts'
import { close } from '../native/descriptors.ts'
import { startTimer, type Timer } from '../system/system.ts'

const { ECONNABORTED, EMFILE, ENFILE } = constants.errno

/**
 * The cost of a connection: that of a request, or some µs if its peer has closed it already and there are
 * so many that it is discarded.
 */
const cost = { accepted: 16, hungUp: 1 }

/** The most cost in one turn of the event loop: 8 connections. */
const perWake = 128

/**
 * The most cost in one window of time: 32 connections. A replacement connects once, or once for each
 * worker. More come only from a process that connects in a loop.
 */
const perWindow = 512
const windowMs = 250

/** Pause after an error, in milliseconds: the kernel does not report when a descriptor is free. */
const retryMs = 100

/**
 * Accepts the connections of a Unix listener while it is started.
 *
 * @remarks Owns the listener. `onConnection` owns each accepted descriptor. At the limit on open files a
 * waiting connection would wake this process without end. So waiting connections are closed then, and
 * their peers learn of it immediately. After any error it tries again a little later, as long as it is
 * started. Of several errors in a row it reports the first.
 * @internal
 */
export class UnixAcceptor {
  readonly fd: number
  readonly #poll: Poll
  readonly #onConnection: (fd: number) => void
  readonly #onError: (error: Error) => void
  readonly #refusal: Uint8Array | undefined
  /** Closed at EMFILE to make room for one accept, as uv__emfile_trick of libuv. */
  #spare: number | undefined = openSpare()
  #accepting = false
  #closed = false
  #isFailing = false
  /** The cost that is left in this window. */
  #left = perWindow
  #window: Timer | undefined
  #retry: Timer | undefined

  /** @param refusal - the bytes for a peer, if this process has no descriptor left for it. */
  constructor(
    fd: number,
    onConnection: (fd: number) => void,
    onError: (error: Error) => void,
    refusal?: Uint8Array,
  ) {
    this.fd = fd
    this.#refusal = refusal
    this.#onConnection = onConnection
    this.#onError = onError
    this.#poll = new (loadNative().Poll)(fd, (status) => {
      if (status < 0) this.#fail(status)
      else this.#accept()
    })
  }

  /** @throws a system error if the descriptor cannot be watched. */
  start(): void {
    check(this.#poll.start(READABLE), 'epoll_ctl')
    this.#accepting = true
  }

  /** Lets connections wait in the kernel. */
  stop(): void {
    this.#poll.stop()
    this.#accepting = false
    this.#retry?.cancel()
    this.#retry = undefined
  }

  ref(): void {
    this.#poll.ref()
  }

  unref(): void {
    this.#poll.unref()
  }

  /** Closes the listener. Waiting connections are lost unless another process holds it. */
  close(): void {
    if (this.#closed) return
    this.stop()
    this.#closed = true
    this.#window?.cancel()
    this.#poll.close()
    close(this.fd)
    this.#closeSpare()
  }

  #accept(): void {
    // A callback may stop or close this.
    for (let spent = 0; this.#accepting && spent < perWake; ) {
      if (this.#left <= 0) return this.#poll.stop()
      const fd = loadNative().accept(this.fd)
      if (fd >= 0) spent += this.#take(fd)
      else if (fd !== -ECONNABORTED) {
        if (fd !== WOULD_BLOCK) this.#fail(fd)
        return
      }
    }
  }

  /** Returns the cost of the connection. */
  #take(fd: number): number {
    // If there are few, `onConnection` reports the end of a connection.
    const isHungUp = this.#left < perWindow / 2 && loadNative().isHungUp(fd) === 1
    const spent = isHungUp ? cost.hungUp : cost.accepted
    this.#isFailing = false
    this.#spare ??= openSpare()
    this.#left -= spent
    this.#window ??= startTimer(windowMs, () => this.#endWindow(), true)
    if (isHungUp) close(fd)
    else this.#onConnection(fd)
    return spent
  }

  #endWindow(): void {
    const wasPaused = this.#left <= 0
    this.#window = undefined
    this.#left = perWindow
    if (wasPaused && this.#accepting && this.#retry === undefined) this.#watch()
  }

  #fail(errno: number): void {
    const full = errno === -EMFILE || errno === -ENFILE
    if (!full || !this.#refuseWaiting()) this.#retryLater()
    if (this.#isFailing) return
    this.#isFailing = true
    this.#onError(systemError(errno, 'accept'))
  }

  #retryLater(): void {
    if (!this.#accepting) return
    this.#poll.stop()
    this.#retry ??= startTimer(
      retryMs,
      () => {
        this.#retry = undefined
        this.#spare ??= openSpare()
        this.#watch()
      },
      true,
    )
  }

  #watch(): void {
    const result = this.#poll.start(READABLE)
    if (result < 0) this.#fail(result)
  }

  /** Returns whether it emptied the listener's queue, or refused as many as fit into one turn. */
  #refuseWaiting(): boolean {
    if (this.#spare === undefined) return false
    this.#closeSpare()
    let fd = loadNative().accept(this.fd)
    for (let count = 0; fd >= 0; fd = loadNative().accept(this.fd)) {
      // The queue of a new connection has room. A closed one needs no answer.
      if (this.#refusal !== undefined) loadNative().send(fd, this.#refusal, none)
      close(fd)
      count += 1
      if (count === perWake) break
    }
    this.#spare = openSpare()
    return this.#spare !== undefined && (fd >= 0 || fd === WOULD_BLOCK)
  }

  #closeSpare(): void {
    if (this.#spare !== undefined) closeSync(this.#spare)
    this.#spare = undefined
  }
}

const none = new Int32Array()

/** Returns undefined if this process has no descriptor left. */
function openSpare(): number | undefined {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    return undefined // The connections then wait until there is one.
  }
}
