// The old process as the new one sees it: a channel that it says things on, until it ends.

import { closeAll, type Wire } from '../io/channel/wire.ts'
import type { Message, Messages, MessageType } from '../protocol/messages.ts'

/** A message that comes with descriptors, which are its taker's. */
export interface Carried<T extends MessageType> {
  message: Messages[T]
  descriptors: number[]
}

/** Messages that come with descriptors. */
export type Carrier = 'listeners' | 'connections' | 'state' | 'older' | 'mark'

const carriers: ReadonlySet<MessageType> = new Set<Carrier>([
  'listeners',
  'connections',
  'state',
  'older',
  'mark',
])

export function isCarrier(type: MessageType): type is Carrier {
  return carriers.has(type)
}

/** Messages without any. */
type Plain = 'refuse' | 'manifest' | 'committed' | 'drained' | 'abort'

const plain: ReadonlySet<MessageType> = new Set<Plain>([
  'refuse',
  'manifest',
  'committed',
  'drained',
  'abort',
])

/** Whether it is an old process's to say: each is an event of the table. */
export function isEvent(type: MessageType): type is Carrier | Plain {
  return carriers.has(type) || plain.has(type)
}

export interface OldProcessHandlers {
  /** Owns the descriptors. */
  onFrame(frame: { message: Message; descriptors: number[] }): void
  /** It is gone (no error), or broke the protocol. */
  onEnd(error?: Error): void
}

export class OldProcess {
  readonly #wire: Wire
  #deaf = false

  /** Owns the wire. */
  constructor(wire: Wire) {
    this.#wire = wire
  }

  start({ onFrame, onEnd }: OldProcessHandlers): void {
    this.#wire.start({
      onFrame: (frame) => {
        if (this.#deaf) closeAll(frame.descriptors)
        else onFrame(frame)
      },
      onEnd: (error) => {
        if (error === undefined || !this.#deaf) onEnd(error)
      },
    })
  }

  /**
   * Its pid, by the kernel's word on who sent the last message: the other end of the rendezvous socket
   * names the first generation, which bound it. 0: it is in a pid namespace that this process does not
   * see. Undefined: this system does not say.
   */
  get pid(): number | undefined {
    return this.#wire.sender?.pid
  }

  /** Resolves when the kernel has it. One that is gone is told of by the end of the channel. */
  send(message: Message): Promise<void> {
    return this.#wire.send(message).catch(() => {})
  }

  /** @throws the system's error; not where it is gone. */
  deliver(message: Message): Promise<void> {
    return this.#wire.send(message)
  }

  /** Blocks this thread until it has said something more: see {@link Wire.receiveNow}. */
  hearNow(timeoutMs: number): boolean {
    return this.#wire.receiveNow(timeoutMs)
  }

  /** Acts on nothing more that it says; only its end is still of interest. */
  turnDeaf(): void {
    this.#deaf = true
  }

  /** Lets this process end although the channel is open. */
  unref(): void {
    this.#wire.unref()
  }

  close(): void {
    this.#wire.close()
  }
}
