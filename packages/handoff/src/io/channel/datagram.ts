// Sends and receives Unix datagrams as those of sd_notify(3): text, descriptors, and the sender.

import { constants } from 'node:os'
import { check, loadNative, type Poll, READABLE, systemError } from '../native/addon.ts'
import { close } from '../native/descriptors.ts'
import { type Received, receive, toDescriptors } from '../native/scm-rights.ts'

const none = { pid: -1, uid: -1, gid: -1 }

/**
 * Sends one datagram to a Unix path (`@name`: abstract, on Linux). The caller keeps its descriptors.
 *
 * @throws {@link HandoffError} `ERR_HANDOFF_INVALID_OPTION` for too many descriptors.
 * @throws a system error: `ENOENT`, `ECONNREFUSED` (no process listens), `EAGAIN` (the receiver's queue
 * is full), `EMSGSIZE`.
 * @internal
 */
export function sendDatagram(
  path: string,
  data: string | Uint8Array,
  fds: readonly number[] = [],
): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  const descriptors = toDescriptors(fds)
  let sent = loadNative().sendDatagram(path, bytes, descriptors)
  const connected = kept.get(path)
  if (needsKept.has(-sent) && connected !== undefined) {
    sent = loadNative().send(connected, bytes, descriptors)
  }
  check(sent, 'sendmsg', { address: path })
}

/** This process has lost the right to the path, or has no descriptor left for another socket. */
const needsKept: ReadonlySet<number> = new Set([
  constants.errno.EACCES,
  constants.errno.EMFILE,
  constants.errno.ENFILE,
])

/** Sockets that are connected to a path, for the life of this process. */
const kept = new Map<string, number>()

/**
 * Lets this process send to the path even after it has given up the right to (setuid(2)), or has no
 * descriptor left. It stays connected to the process that listens there now.
 *
 * @internal
 */
export function keepReachable(path: string): void {
  if (kept.has(path)) return
  const fd = loadNative().connectUnixDatagram(path)
  if (fd >= 0) kept.set(path, fd)
}

/** A datagram. Its descriptors belong to the receiver of this object. */
export interface Datagram {
  data: Buffer
  fds: number[]
  /** The sender, from the kernel; -1 if the system does not report it (macOS). */
  pid: number
  uid: number
  gid: number
}

/** The most datagrams in one turn: a sender without pause must not block the event loop. */
const DATAGRAMS_PER_WAKE = 64

/**
 * Receives datagrams on a Unix path.
 *
 * @remarks Does not remove the path, neither before nor after. The caller does.
 * @internal
 */
export class DatagramListener {
  readonly #fd: number
  readonly #poll: Poll
  readonly #onDatagram: (datagram: Datagram) => void
  readonly #onError: (error: Error) => void
  #closed = false

  private constructor(
    fd: number,
    onDatagram: (datagram: Datagram) => void,
    onError: (error: Error) => void,
  ) {
    this.#fd = fd
    this.#onDatagram = onDatagram
    this.#onError = onError
    this.#poll = new (loadNative().Poll)(fd, (status) => {
      if (status < 0)
        onError(systemError(status, 'poll')) // libuv has stopped watching
      else this.#receive()
    })
  }

  /** @throws a system error: `EADDRINUSE` if anything is at the path, `ENOENT`, `EACCES`. */
  static bind(
    path: string,
    mode: number,
    onDatagram: (datagram: Datagram) => void,
    onError: (error: Error) => void,
  ): DatagramListener {
    const fd = check(loadNative().bindUnixDatagram(path, mode), 'bind', { address: path })
    return DatagramListener.adopt(fd, onDatagram, onError)
  }

  /** Receives on a socket that is bound already. Owns the descriptor. */
  static adopt(
    fd: number,
    onDatagram: (datagram: Datagram) => void,
    onError: (error: Error) => void,
  ): DatagramListener {
    const listener = new DatagramListener(fd, onDatagram, onError)
    try {
      check(listener.#poll.start(READABLE), 'epoll_ctl')
    } catch (error) {
      listener.close()
      throw error
    }
    return listener
  }

  get fd(): number {
    return this.#fd
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#poll.close()
    close(this.#fd)
  }

  ref(): void {
    this.#poll.ref()
  }

  unref(): void {
    this.#poll.unref()
  }

  #receive(): void {
    for (let i = 0; i < DATAGRAMS_PER_WAKE && !this.#closed; i++) {
      const received = this.#receiveOne()
      if (received === undefined) return
      const { data, fds, credentials } = received
      this.#onDatagram({ data, fds, ...(credentials ?? none) })
    }
  }

  #receiveOne(): Received | undefined {
    try {
      return receive(this.#fd)
    } catch (error) {
      this.#onError(error as Error) // That datagram is lost; the next turn reads those after it.
      return undefined
    }
  }
}
