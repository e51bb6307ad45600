// The channel: a connected Unix socket that carries bytes and descriptors, in order.

import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { check, loadNative, type Poll, READABLE, systemError, WRITABLE } from '../native/addon.ts'
import { close, type Descriptors, socketPair } from '../native/descriptors.ts'
import { type Credentials, type Received, receive, toDescriptors } from '../native/scm-rights.ts'
import { SendQueue, type Withdrawable } from './send-queue.ts'
import { connectUnix, peerCredentials } from './unix-socket.ts'

interface Reader {
  resolve: (received: Received | undefined) => void
  reject: (error: Error) => void
}

/**
 * Carries bytes and descriptors to another process over a connected Unix stream socket.
 *
 * @remarks A stream keeps bytes in order but has no boundaries: one send may arrive in pieces, and several
 * sends as one. Descriptors arrive no later than the first byte of their send. A channel reads from the
 * kernel only while a read is pending. It keeps the event loop alive only while a read or a send is
 * pending, unless `unref()` was called. Its descriptor is open until `close()`.
 */
export class Channel implements AsyncIterable<Received> {
  readonly #fd: number
  readonly #poll: Poll
  readonly #queue: SendQueue
  readonly #readers: Reader[] = []
  /** Whether the kernel reports the sender of arriving bytes. */
  #recordsSenders = false
  /** The events that the poll watches for. */
  #watched = 0
  /** Set when nothing more can be read. */
  #end: { error: Error | undefined } | undefined
  #closed = false

  private constructor(fd: number, recordSenders = false) {
    this.#fd = fd
    this.#recordSenders(recordSenders)
    this.#queue = new SendQueue(fd)
    this.#poll = new (loadNative().Poll)(fd, (status, events) => this.#onEvent(status, events))
  }

  /**
   * Makes two connected channels.
   *
   * @remarks The first is for this process: its reads name the sender. The second may go to a child: pass
   * its `fd` in `stdio`, then close it here. Until this process reads from it, it blocks and carries only
   * bytes and descriptors, as programs in other languages expect.
   * @throws a system error: `EMFILE`, `ENFILE`.
   */
  static pair(): [Channel, Channel] {
    const [one, other] = socketPair()
    return [new Channel(one, true), new Channel(other)]
  }

  /**
   * Makes a channel of a connected Unix stream socket, and owns the descriptor from then on.
   *
   * @throws a system error, and then the caller still owns the descriptor: `EBADF`, `ENOTSOCK`.
   */
  static from(fd: number): Channel {
    return new Channel(fd)
  }

  /**
   * Connects to a Unix path (`@name`: abstract, on Linux).
   *
   * @throws a system error: `ENOENT`, `ECONNREFUSED` (no process listens), `EACCES`, `EAGAIN` (the
   * backlog is full), `ENAMETOOLONG`.
   */
  static connect(path: string): Channel {
    return new Channel(connectUnix(path))
  }

  /** The descriptor, which the channel owns; -1 once closed. */
  get fd(): number {
    return this.#closed ? -1 : this.#fd
  }

  /**
   * Sends bytes, with descriptors on the first of them. Resolves when the kernel has taken all.
   *
   * @remarks Until then the bytes must not change, and the descriptors must stay open. The caller owns
   * them. Sends leave in the order of the calls.
   * @throws {@link HandoffError} `ERR_HANDOFF_INVALID_OPTION`, synchronously: no bytes, more than 253
   * descriptors, or a number that is not a descriptor.
   * @throws {@link HandoffError} `ERR_HANDOFF_CHANNEL_CLOSED` if the channel is closed before.
   * @throws {@link HandoffError} `ERR_HANDOFF_PEER_GONE` if the other end is closed.
   * @throws {@link HandoffError} `ERR_HANDOFF_SEND_FAILED` on another system error, its `cause`.
   */
  send(bytes: Uint8Array, fds?: readonly number[]): Promise<void>
  /**
   * Also lets the caller withdraw the message before it leaves.
   *
   * @internal
   */
  send(bytes: Uint8Array, fds: Descriptors, withdrawable: Withdrawable | undefined): Promise<void>
  send(bytes: Uint8Array, fds: Descriptors = [], withdrawable?: Withdrawable): Promise<void> {
    if (bytes.length === 0) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot send a message: it has no bytes, and descriptors need one',
      )
    }
    const descriptors = toDescriptors(fds)
    if (this.#closed) return Promise.reject(channelClosed())
    const sent = this.#queue.add(bytes, descriptors, withdrawable)
    this.#watch()
    return sent
  }

  /**
   * Returns the next bytes that arrive; undefined at the end of the stream, or once closed.
   *
   * @remarks The caller owns the descriptors, and closes each of them.
   * @throws {@link HandoffError} `ERR_HANDOFF_TRUNCATED` if descriptors were lost, most often at the limit
   * on open files. Those that arrived are closed, and nothing more can be read.
   * @throws {@link HandoffError} `ERR_HANDOFF_PEER_GONE` if the other end was closed before it had read
   * everything.
   */
  read(): Promise<Received | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    if (this.#end)
      return this.#end.error ? Promise.reject(this.#end.error) : Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      if (!this.#recordsSenders) this.#recordSenders(true)
      this.#readers.push({ resolve, reject })
      this.#watch()
    })
  }

  /**
   * Blocks this thread until bytes arrive, for up to `timeoutMs`, and reads them.
   *
   * @returns the result of {@link read}; `waiting` if the time is over. Pending reads get the bytes that
   * arrive later.
   * @throws as {@link read}.
   * @internal
   */
  readNow(timeoutMs: number): Received | undefined | 'waiting' {
    if (this.#closed || this.#end !== undefined) return undefined
    if (!this.#recordsSenders) this.#recordSenders(true)
    check(loadNative().waitReadable(this.#fd, Math.min(Math.ceil(timeoutMs), 2 ** 31 - 1)), 'poll')
    try {
      const received = receive(this.#fd)
      if (received === undefined) return 'waiting'
      return received.data.length === 0 ? undefined : received
    } catch (error) {
      throw readError(error as Error)
    }
  }

  /**
   * Discards everything that arrives, until the end of the stream or of this channel. Goes on if
   * descriptors were lost.
   *
   * @internal
   */
  async discard(): Promise<void> {
    for (;;) {
      this.#end = undefined
      try {
        const received = await this.read()
        if (received === undefined) return
        for (const fd of received.fds) close(fd)
      } catch (error) {
        if ((error as Partial<HandoffError>).code !== 'ERR_HANDOFF_TRUNCATED') return
      }
    }
  }

  /** Reads until the end of the stream. Leaving the loop early does not close the channel. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Received> {
    for (let next = await this.read(); next; next = await this.read()) yield next
  }

  /**
   * Returns the process that was at the other end when the connection was made.
   *
   * @remarks For a pair that is the process that made it, at both ends. `credentials` of a read name the
   * sender.
   * @throws a system error: `EBADF` once closed.
   */
  peerCredentials(): Credentials {
    return peerCredentials(this.fd)
  }

  /** Lets a pending read or send keep the event loop alive, as it does from the start. */
  ref(): void {
    this.#poll.ref()
  }

  /** Lets the process end although a read or send is pending. */
  unref(): void {
    this.#poll.unref()
  }

  /** Closes the descriptor. Pending sends reject, a pending read resolves with undefined. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#poll.close()
    close(this.#fd)
    this.#queue.fail(channelClosed())
    this.#endReading(undefined)
  }

  #recordSenders(on: boolean): void {
    check(loadNative().prepareChannel(this.#fd, on ? 1 : 0), 'setsockopt')
    this.#recordsSenders = on
  }

  #onEvent(status: number, events: number): void {
    // At EPOLLERR libuv stops the poll and reports EBADF. The system calls report the true error.
    const failed = status < 0
    if (failed) this.#watched = 0
    if (failed || events & WRITABLE) this.#queue.flush()
    if (failed || events & READABLE) this.#deliver()
    this.#watch()
  }

  #watch(): void {
    const wanted = (this.#readers.length > 0 ? READABLE : 0) | (this.#queue.pending ? WRITABLE : 0)
    if (wanted === this.#watched) return
    this.#watched = wanted
    if (wanted === 0) this.#poll.stop()
    else this.#startPoll(wanted)
  }

  #startPoll(events: number): void {
    const result = this.#poll.start(events)
    if (result === 0) return
    const error = systemError(result, 'epoll_ctl')
    this.#queue.fail(error)
    this.#endReading(error)
  }

  #deliver(): void {
    while (this.#readers.length > 0) {
      try {
        const received = receive(this.#fd)
        if (received === undefined) return
        if (received.data.length === 0) this.#endReading(undefined)
        else this.#readers.shift()?.resolve(received)
      } catch (error) {
        this.#endReading(readError(error as Error))
      }
    }
  }

  #endReading(error: Error | undefined): void {
    this.#end = { error }
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (error) reject(error)
      else resolve(undefined)
    }
  }
}

function channelClosed(): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_CHANNEL_CLOSED',
    'cannot send a message: this end of the channel is closed',
  )
}

function readError(cause: NodeJS.ErrnoException): Error {
  if (cause.code !== 'ECONNRESET') return cause
  return new HandoffError(
    'ERR_HANDOFF_PEER_GONE',
    `cannot read from the channel: ${reasonOf(cause)}`,
    { cause },
  )
}
