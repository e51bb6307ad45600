// Messages over a channel: frames out, frames in, in order.

import { Decoder, encode, type Frame } from '../../protocol/codec.ts'
import type { Message } from '../../protocol/messages.ts'
import { HandoffError } from '../../terms/errors.ts'
import { close } from '../native/descriptors.ts'
import type { Credentials, Received } from '../native/scm-rights.ts'
import type { Channel } from './channel.ts'

export interface WireHandlers {
  /** Owns the descriptors of the frame from now on. */
  onFrame(frame: Frame<number>): void
  /**
   * The peer is gone (no error), or what it sent cannot be read. Told after all frames; after an
   * error what still comes is thrown away, and the end of the peer told all the same.
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
   * Blocks this thread until the next bytes have come, for at most so many milliseconds, and hands
   * their frames over. An end, and what cannot be read, is left to the event loop.
   *
   * @returns false if there is nothing more to wait for.
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
   * Sends one message. The descriptors stay the caller's, and must stay open until this resolves.
   *
   * @throws the system's error; not where the peer is gone, which `onEnd` tells once for all.
   */
  async send(message: Message, descriptors: readonly number[] = []): Promise<void> {
    try {
      await this.#channel.send(encode(message, descriptors.length), descriptors)
    } catch (error) {
      if (!isPeerGone(error)) throw error
    }
  }

  /** The kernel's word on who is at the other end. */
  peer(): { pid: number; uid: number; gid: number } {
    return this.#channel.peerCredentials()
  }

  /** The kernel's word on who sent what was read last; undefined where it does not say (macOS). */
  get sender(): Credentials | undefined {
    return this.#sender
  }

  /** Lets the process end although the channel is open. */
  unref(): void {
    this.#channel.unref()
  }

  /** Closes the channel at once; what was sent before is in the kernel and still arrives. */
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
 * A process that dies with unread bytes in its queue leaves ECONNRESET instead of an end of file
 * (net/unix/af_unix.c, unix_release_sock); what it had sent before was read by then.
 */
function isPeerGone(error: unknown): boolean {
  if (!(error instanceof HandoffError)) return false
  return error.code === 'ERR_HANDOFF_PEER_GONE' || error.code === 'ERR_HANDOFF_CHANNEL_CLOSED'
}

export function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) close(descriptor)
}
