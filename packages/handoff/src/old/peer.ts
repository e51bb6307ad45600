// The new process as the old one sees it: who it is, what it says, and how long it may take.

import { Mark } from '../io/channel/mark.ts'
import { closeAll, type Wire } from '../io/channel/wire.ts'
import { close } from '../io/native/descriptors.ts'
import type { System, Timer } from '../io/system/system.ts'
import { type MarkNews, noMark } from '../protocol/mark.ts'
import type { Message, MessageType } from '../protocol/messages.ts'
import type { HandoffErrorCode } from '../terms/errors.ts'

/** What it says after its hello, each an event of the table. */
export type Answer = 'ack' | 'ready' | 'adopted' | 'ended' | 'rested' | 'release'

const answers: ReadonlySet<MessageType> = new Set<Answer>([
  'ack',
  'ready',
  'adopted',
  'ended',
  'rested',
  'release',
])

export function isAnswer(type: MessageType): type is Answer {
  return answers.has(type)
}

export interface PeerHandlers {
  onMessage(message: Message): void
  /** The peer is gone (no error), or broke the protocol. */
  onEnd(error?: Error): void
}

export class Peer {
  readonly wire: Wire
  readonly #system: System
  #name = 'the new process'
  #pid = 0
  #started = false
  #deadline: Timer | undefined
  /** Absent where the new process knows none. */
  #mark: Mark | undefined
  #deaf = false
  #closed = false
  /** Resolves when the kernel has all that was said. */
  #said: Promise<unknown> = Promise.resolve()

  /** Owns the wire. */
  constructor(wire: Wire, system: System) {
    this.wire = wire
    this.#system = system
  }

  /** `the new process (pid 123)`, for messages. */
  get name(): string {
    return this.#name
  }

  /** Its pid, by the kernel's word; 0 until it is identified. */
  get pid(): number {
    return this.#pid
  }

  /** Whether its messages are being read. */
  get started(): boolean {
    return this.#started
  }

  /**
   * Asks the kernel who it is.
   *
   * @throws the system's error.
   */
  identify(): { pid: number; uid: number } {
    const peer = this.wire.peer()
    this.#pid = peer.pid
    this.#name = `the new process (pid ${peer.pid})`
    return peer
  }

  /** Begins to read; call once. */
  start({ onMessage, onEnd }: PeerHandlers): void {
    this.#started = true
    this.wire.start({
      onFrame: ({ message, descriptors }) => {
        // It has nothing to send them for.
        closeAll(descriptors)
        if (!this.#closed && !this.#deaf) onMessage(message)
      },
      onEnd: (error) => {
        if (!this.#closed && !(this.#deaf && error !== undefined)) onEnd(error)
      },
    })
  }

  /** A peer that is gone is told of by the end of the channel. */
  send(message: Message, descriptors: readonly number[] = []): void {
    this.deliver(message, descriptors).catch(() => {})
  }

  /**
   * Resolves when the kernel has it. The descriptors stay the caller's, open until then.
   *
   * @throws the system's error.
   */
  deliver(message: Message, descriptors: readonly number[] = []): Promise<void> {
    if (this.#closed || this.#deaf) return Promise.resolve()
    const sent = this.wire.send(message, descriptors)
    this.#said = sent.catch(() => {})
    return sent
  }

  /**
   * Makes the mark of this handoff, and sends its other end. What the new process leaves there is
   * told as it comes, and by {@link look} at any time.
   *
   * @throws the system's error.
   */
  async sendMark(onWords: (news: MarkNews) => void): Promise<void> {
    const { mark, other } = Mark.pair()
    this.#mark = mark
    try {
      mark.watch((news) => {
        if (!this.#closed) onWords(news)
      })
      await this.deliver({ type: 'mark' }, [other])
    } finally {
      close(other)
    }
  }

  /** What the new process has left on the mark since the last look. */
  look(): MarkNews {
    return this.#mark?.read() ?? noMark
  }

  /** Says that this side gives up, where the new process finds it however late it looks. */
  abort({ code, reason }: { code: HandoffErrorCode; reason: string }): void {
    this.#mark?.write('aborted')
    this.send({ type: 'abort', code, reason })
  }

  refuse({ code, reason }: { code: HandoffErrorCode; reason: string }): void {
    this.send({ type: 'refuse', code, reason })
  }

  /** Calls back unless another deadline is set, or the peer closed, within `ms`. */
  setDeadline(ms: number, onExpired: () => void): void {
    this.clearDeadline()
    this.#deadline = this.#system.timer(ms, onExpired)
  }

  clearDeadline(): void {
    this.#deadline?.cancel()
  }

  /** Hears and says nothing more; but it is told of the peer's end, and the peer of ours. */
  turnDeaf(): void {
    this.#deaf = true
    this.clearDeadline()
  }

  /**
   * Hangs up, once the kernel has all that was said: to a new process that has not heard our abort
   * the end of the channel is our death, and it would serve.
   */
  close(): void {
    this.#closed = true
    this.clearDeadline()
    void this.#said.then(() => {
      this.wire.close()
      this.#mark?.close()
    })
  }
}
