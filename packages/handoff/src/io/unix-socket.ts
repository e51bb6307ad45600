// Stream sockets on a path: connecting, accepting, and who is at the other end.

import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { close } from './descriptors.ts'
import { check, loadNative, type Poll, READABLE, systemError, WOULD_BLOCK } from './native.ts'
import { type Credentials, readCredentials } from './scm-rights.ts'

/**
 * Connects to a Unix path (`@name`: abstract, on Linux); the caller owns the descriptor.
 *
 * @throws a system error: `ENOENT`, `ECONNREFUSED` (nobody listens), `EACCES`, `EAGAIN` (the backlog
 * is full), `ENAMETOOLONG`
 * @internal
 */
export function connectUnix(path: string): number {
  return check(loadNative().connectUnix(path), 'connect', { address: path })
}

/**
 * Tells who was at the other end when the connection was made.
 *
 * @remarks For an inherited socketpair that is whoever made it, at both ends.
 * @throws a system error: `ENOTCONN`, `ENOTSOCK`, `EBADF`
 * @see SO_PEERCRED in unix(7); getpeereid(3)
 * @internal
 */
export function peerCredentials(fd: number): Credentials {
  const credentials = new Int32Array(3)
  check(loadNative().peerCredentials(fd, credentials), 'getsockopt')
  return readCredentials(credentials)
}

const { ECONNABORTED, EMFILE, ENFILE } = constants.errno

/**
 * Accepts the connections of a Unix listener while it is started.
 *
 * @remarks Owns the listener. Each accepted descriptor belongs to `onConnection`. At the limit on
 * open files a connection that waits would wake us for ever: those that wait are then closed, so
 * that the peer learns of it at once, and the error is reported. On any other error it stops.
 * @internal
 */
export class UnixAcceptor {
  readonly fd: number
  readonly #poll: Poll
  readonly #onConnection: (fd: number) => void
  readonly #onError: (error: Error) => void
  /** Given up at EMFILE to make room for one accept; libuv's uv__emfile_trick. */
  #spare: number | undefined = openSpare()
  #accepting = false
  #closed = false

  constructor(fd: number, onConnection: (fd: number) => void, onError: (error: Error) => void) {
    this.fd = fd
    this.#onConnection = onConnection
    this.#onError = onError
    this.#poll = new (loadNative().Poll)(fd, (status) => {
      if (status < 0) this.#fail(status)
      else this.#accept()
    })
  }

  /** @throws a system error, when the descriptor cannot be watched */
  start(): void {
    check(this.#poll.start(READABLE), 'epoll_ctl')
    this.#accepting = true
  }

  /** Leaves connections to wait in the kernel. */
  stop(): void {
    this.#poll.stop()
    this.#accepting = false
  }

  ref(): void {
    this.#poll.ref()
  }

  unref(): void {
    this.#poll.unref()
  }

  /** Closes the listener; connections that wait are lost unless another process holds it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#accepting = false
    this.#poll.close()
    close(this.fd)
    this.#closeSpare()
  }

  #accept(): void {
    // A callback may stop or close this.
    while (this.#accepting) {
      const fd = loadNative().accept(this.fd)
      if (fd >= 0) this.#onConnection(fd)
      else if (fd !== -ECONNABORTED) {
        if (fd !== WOULD_BLOCK) this.#fail(fd)
        return
      }
    }
  }

  #fail(errno: number): void {
    const full = errno === -EMFILE || errno === -ENFILE
    if (!full || !this.#refuseWaiting()) this.stop()
    this.#onError(systemError(errno, 'accept'))
  }

  /** Returns whether it made the listener's queue empty. */
  #refuseWaiting(): boolean {
    if (this.#spare === undefined) return false
    this.#closeSpare()
    let fd = loadNative().accept(this.fd)
    for (; fd >= 0; fd = loadNative().accept(this.fd)) close(fd)
    this.#spare = openSpare()
    return fd === WOULD_BLOCK
  }

  #closeSpare(): void {
    if (this.#spare !== undefined) closeSync(this.#spare)
    this.#spare = undefined
  }
}

/** Returns undefined when there is no descriptor to spare. */
function openSpare(): number | undefined {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    return undefined // the acceptor then stops at EMFILE instead
  }
}
