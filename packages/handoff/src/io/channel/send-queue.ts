// The queue of a channel for messages that the kernel has not taken yet.

import { constants } from 'node:os'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { loadNative, systemError, WOULD_BLOCK } from '../native/addon.ts'

/** A message that its sender may withdraw before it leaves. */
export interface Withdrawable {
  /** False: the message is skipped unless a part of it has left. Its descriptors may be closed then. */
  isWanted: boolean
  /** Set when its first byte has left, and its descriptors with it. */
  hasLeft: boolean
}

interface Outgoing {
  bytes: Uint8Array
  /** Sent with the first byte. */
  fds: Int32Array
  begun: boolean
  withdrawable: Withdrawable | undefined
  resolve: () => void
  reject: (error: Error) => void
}

const none = new Int32Array(0)
const goneErrnos = [constants.errno.EPIPE, constants.errno.ECONNRESET, constants.errno.ENOTCONN]

/** Sends in order, never blocking. @internal */
export class SendQueue {
  readonly #fd: number
  readonly #queue: Outgoing[] = []
  /** Set when a message was sent in part: the peer would read the next one as its rest. */
  #broken: Error | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Whether a message waits for the kernel. */
  get pending(): boolean {
    return this.#queue.length > 0
  }

  /** Queues a message, and sends it immediately if no other is before it. Resolves also if it is withdrawn. */
  add(bytes: Uint8Array, fds: Int32Array, withdrawable?: Withdrawable): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken)
      this.#queue.push({ bytes, fds, begun: false, withdrawable, resolve, reject })
      if (this.#queue.length === 1) this.flush()
    })
  }

  /** Sends until the kernel takes no more. */
  flush(): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      if (!head.begun && head.withdrawable?.isWanted === false) {
        this.#queue.shift()
        head.resolve()
        continue
      }
      const sent = loadNative().send(this.#fd, head.bytes, head.fds)
      if (sent === WOULD_BLOCK) return
      if (sent > 0 && head.withdrawable !== undefined) head.withdrawable.hasLeft = true
      if (sent < 0) this.#reject(head, sendError(sent, head.fds.length))
      else if (sent < head.bytes.length) {
        head.bytes = head.bytes.subarray(sent)
        head.fds = none
        head.begun = true
      } else {
        this.#queue.shift()
        head.resolve()
      }
    }
  }

  /** Rejects all messages in the queue. */
  fail(error: Error): void {
    for (const outgoing of this.#queue.splice(0)) outgoing.reject(error)
  }

  #reject(head: Outgoing, error: Error): void {
    if (head.begun) {
      this.#broken = error
      this.fail(error)
    } else {
      this.#queue.shift()
      head.reject(error)
    }
  }
}

function sendError(errno: number, descriptors: number): HandoffError {
  const cause = systemError(errno, 'sendmsg')
  const code = goneErrnos.includes(-errno) ? 'ERR_HANDOFF_PEER_GONE' : 'ERR_HANDOFF_SEND_FAILED'
  return new HandoffError(
    code,
    `cannot send a message (descriptors: ${descriptors}): ${reasonOf(cause)}`,
    { cause },
  )
}
