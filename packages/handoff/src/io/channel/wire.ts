// Sends and receives the messages of the protocol over a channel, in order.

import { Decoder, encode, type Frame } from '../../protocol/codec.ts'
import type { Message } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'
import { close, type Descriptors } from '../native/descriptors.ts'
import type { Credentials, Received } from '../native/scm-rights.ts'
import type { Channel } from './channel.ts'
import type { Withdrawable } from './send-queue.ts'

export interface WireHandlers {
  /** Called with each frame. Owns its descriptors from now on. */
  onFrame(frame: Frame<number>): void
  /**
   * Called after all frames when the peer has closed the channel (no error), or has sent bytes that cannot
   * be read. After an error, later bytes are discarded, and the end of the peer is reported as well.
   */
  onEnd(error?: Error): void
}

/** One channel that speaks the protocol. Owns the channel. */
export class Wire {
  readonly #channel: Channel
  readonly #decoder = new Decoder<number>()
  #handlers: WireHandlers | undefined
  #closed = false
  #sender: Credentials | undefined

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Begins to read; call once. */
  start(handlers: WireHandlers): void {
    this.#handlers = handlers
    void this.#read(handlers)
  }

  /**
   * Blocks this thread until the next bytes have come, for up to `timeoutMs`, and reports their frames.
   *
   * @returns false at the end of the channel.
   */
  receiveNow(timeoutMs: number): boolean {
    if (this.#closed || this.#handlers === undefined) return false
    let received: ReturnType<Channel['readNow']>
    try {
      received = this.#channel.readNow(timeoutMs)
      if (received === 'waiting') return true
      if (received !== undefined) this.#take(received, this.#handlers)
    } catch (error) {
      closeAll(this.#decoder.takeStrays())
      if (!isPeerGone(error)) this.#handlers.onEnd(error as Error)
      return false
    }
    if (received === undefined) this.#handlers.onEnd()
    return received !== undefined
  }

  /**
   * Sends one message. The caller keeps the descriptors, which must stay open until this resolves.
   *
   * @param withdrawable - lets the caller withdraw the message before it leaves.
   * @throws the system's error. Not if the peer has closed the channel: `onEnd` reports that.
   */
  async send(
    message: Message,
    descriptors: Descriptors = [],
    withdrawable?: Withdrawable,
  ): Promise<void> {
    try {
      await this.#channel.send(encode(message, descriptors.length), descriptors, withdrawable)
    } catch (error) {
      if (!isPeerGone(error)) throw error
    }
  }

  /** Returns the process at the other end, from the kernel. */
  peer(): { pid: number; uid: number; gid: number } {
    return this.#channel.peerCredentials()
  }

  /** The process that sent the bytes that were read last, from the kernel; undefined on macOS. */
  get sender(): Credentials | undefined {
    return this.#sender
  }

  /** Lets the process end although the channel is open. */
  unref(): void {
    this.#channel.unref()
  }

  /** Closes the channel immediately. Messages that were sent before are in the kernel, and still arrive. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#channel.close()
    closeAll(this.#decoder.takeStrays())
  }

  #take({ data, fds, credentials }: Received, { onFrame }: WireHandlers): void {
    this.#sender = credentials
    for (const frame of this.#decoder.push(data, fds)) {
      if (this.#closed) closeAll(frame.descriptors)
      else onFrame(frame)
    }
  }

  async #read(handlers: WireHandlers): Promise<void> {
    const { onEnd } = handlers
    try {
      for (;;) {
        const received = await this.#channel.read()
        if (received === undefined) break
        if (this.#closed) return closeAll(received.fds)
        this.#take(received, handlers)
      }
    } catch (error) {
      closeAll(this.#decoder.takeStrays())
      if (!this.#closed && !isPeerGone(error)) onEnd(error as Error)
      if (!this.#closed) await this.#channel.discard()
    }
    if (!this.#closed) onEnd()
  }
}

/**
 * Whether an error says that the peer has closed the channel. A process that dies with unread bytes in its
 * queue leaves ECONNRESET instead of an end of file (net/unix/af_unix.c, unix_release_sock). Everything
 * that it had sent was read by then.
 */
function isPeerGone(error: unknown): boolean {
  if (!(error instanceof HandoffError)) return false
  return error.code === 'ERR_HANDOFF_PEER_GONE' || error.code === 'ERR_HANDOFF_CHANNEL_CLOSED'
}

export function closeAll(descriptors: Descriptors): void {
  for (const descriptor of descriptors) close(descriptor)
}
