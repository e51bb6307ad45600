// The other process of a handoff: its channel, its mark, its deadline.

import { Mark } from '../io/channel/mark.ts'
import { PositionFile } from '../io/channel/position-file.ts'
import type { Withdrawable } from '../io/channel/send-queue.ts'
import { closeAll, type Wire } from '../io/channel/wire.ts'
import { close, type Descriptors } from '../io/native/descriptors.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { Frame } from '../protocol/codec.ts'
import type { Role } from '../protocol/machine.ts'
import { type MarkNews, type MarkWord, noMark } from '../protocol/mark.ts'
import type { Message, MessageType } from '../protocol/messages.ts'
import type { recordBytes } from '../protocol/position.ts'
import type { HandoffErrorCode } from '../terms/errors.ts'
import { carriesDescriptors, isReceivedBy, type Received } from './frames.ts'

export interface PeerHandlers<R extends Role> {
  /** Whether a message is in turn. */
  takes(message: Received<R>): boolean
  /** Receives a message that is in turn. Owns the descriptors. */
  onMessage(message: Received<R>, descriptors: number[]): void
  /** The peer sent a message out of turn. */
  onOutOfTurn(type: MessageType): void
  /** The peer is dead (no error), or broke the protocol. */
  onEnd(error?: Error): void
}

/** The peer of a process that plays this role. */
export class Peer<R extends Role> {
  readonly #role: R
  readonly #wire: Wire
  readonly #system: Pick<System, 'timer'>
  #handlers: PeerHandlers<R> | undefined
  #pid: number | undefined
  #uid: number | undefined
  #deadline: Timer | undefined
  /** Absent if one of the two processes knows none. */
  #mark: Mark | undefined
  /** Absent if one of the two processes knows none. */
  #positions: PositionFile | undefined
  #ignores = false
  #mute = false
  #closed = false
  /** Resolves when the kernel has all that was sent. */
  #sent: Promise<unknown> = Promise.resolve()

  /** Owns the wire. */
  constructor(role: R, wire: Wire, system: Pick<System, 'timer'>) {
    this.#role = role
    this.#wire = wire
    this.#system = system
  }

  /** The peer as messages name it, such as `the new process (pid 123)`. */
  get name(): string {
    const name = this.#role === 'old' ? 'the new process' : 'the old process'
    return this.#pid === undefined ? name : `${name} (pid ${this.#pid})`
  }

  /**
   * Its pid, by the kernel's word on who connected, or else on who sent the last message: at the
   * connecting side the rendezvous socket names the first generation, which bound it. 0: it is in a
   * pid namespace that this process does not see. Undefined: the kernel does not say.
   */
  get pid(): number | undefined {
    return this.#pid ?? this.#wire.sender?.pid
  }

  /** Its uid, by the kernel's word on who connected; undefined before {@link Peer.identify}. */
  get uid(): number | undefined {
    return this.#uid
  }

  /** Whether its messages are being read. */
  get started(): boolean {
    return this.#handlers !== undefined
  }

  /** Whether it sent this process a mark, or this process sent one to it. */
  get hasMark(): boolean {
    return this.#mark !== undefined
  }

  /**
   * Asks the kernel which process connected.
   *
   * @throws the system's error.
   */
  identify(): { pid: number; uid: number } {
    const credentials = this.#wire.peer()
    this.#pid = credentials.pid
    this.#uid = credentials.uid
    return credentials
  }

  /** Begins to read its messages. Call it again to give all later ones to other handlers. */
  start(handlers: PeerHandlers<R>): void {
    const { started } = this
    this.#handlers = handlers
    if (started) return
    this.#wire.start({
      onFrame: (frame) => this.#take(frame),
      onEnd: (error) => {
        if (this.#closed || (this.#ignores && error !== undefined)) return
        this.#handlers?.onEnd(error)
      },
    })
  }

  /** Blocks this thread until the next message has come: see {@link Wire.receiveNow}. */
  receiveNow(timeoutMs: number): boolean {
    return this.#wire.receiveNow(timeoutMs)
  }

  /**
   * Sends one message. Resolves when the kernel has it, and also if that fails: the end of the channel
   * reports a peer that is dead. The descriptors stay the caller's, open until then.
   */
  send(message: Message, descriptors: readonly number[] = []): Promise<void> {
    return this.sendOrThrow(message, descriptors).catch(() => {})
  }

  /**
   * As {@link send}.
   *
   * @throws the system's error, but not because the peer is dead.
   */
  sendOrThrow(message: Message, descriptors: readonly number[] = []): Promise<void> {
    if (this.#closed || this.#mute) return Promise.resolve()
    const sent = this.#wire.send(message, descriptors)
    this.#sent = sent.catch(() => {})
    return sent
  }

  /**
   * Sends a batch of descriptors. {@link closeOnceSent} does not wait for it: one that the peer does
   * not have at the end of the channel stays with this process.
   *
   * @param batch - may be withdrawn before it leaves, and its descriptors be closed then.
   * @throws as {@link sendOrThrow}.
   */
  sendBatch(message: Message, descriptors: Descriptors, batch?: Withdrawable): Promise<void> {
    if (this.#closed || this.#mute) return Promise.resolve()
    return this.#wire.send(message, descriptors, batch)
  }

  /** Sends that this process aborts, and why. */
  abort({ code, reason }: { code: HandoffErrorCode; reason: string }): void {
    // An old process leaves a word too, which the new one finds however late it looks.
    if (this.#role === 'old') this.leaveWord('aborted')
    void this.send({ type: 'abort', code, reason })
  }

  /** Sends that the peer may not take over, and why. */
  refuse({ code, reason }: { code: HandoffErrorCode; reason: string }): void {
    void this.send({ type: 'refuse', code, reason })
  }

  /**
   * Makes the mark of this handoff, and sends its other end.
   *
   * @param onWords - receives what the peer leaves there, as it comes. {@link readMark} returns it at
   * any time.
   * @param positions - which records the file of positions has that goes with it. Absent: no file goes.
   * @throws the system's error.
   */
  async sendMark(
    onWords: (news: MarkNews) => void,
    positions?: keyof typeof recordBytes,
  ): Promise<void> {
    const { mark, other } = Mark.pair()
    this.#mark = mark
    try {
      mark.watch((news) => {
        if (!this.#closed) onWords(news)
      })
      if (positions !== undefined) this.#positions = PositionFile.create()
      if (positions === 'long') this.#positions?.useLongRecords()
      const file = this.#positions === undefined ? [] : [this.#positions.fd]
      await this.sendOrThrow({ type: 'mark' }, [other, ...file])
    } finally {
      close(other)
    }
  }

  /**
   * Takes this process's end of the mark, and the file of positions if it came with it. Owns the descriptors.
   *
   * @returns false if there is a mark already: one handoff has one.
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH.
   */
  receiveMark(descriptors: readonly number[]): boolean {
    if (this.#mark !== undefined) {
      closeAll(descriptors)
      return false
    }
    const [file, ...others] = descriptors.slice(1)
    try {
      this.#mark = Mark.from([...descriptors.slice(0, 1), ...others])
    } catch (error) {
      if (file !== undefined) close(file)
      throw error
    }
    if (file !== undefined) this.#positions = PositionFile.from(file)
    return true
  }

  /** Returns the file of positions, once: the caller owns it from then on. */
  takePositions(): PositionFile | undefined {
    const positions = this.#positions
    this.#positions = undefined
    return positions
  }

  /** Leaves a word on the mark. */
  leaveWord(word: MarkWord): void {
    this.#mark?.write(word)
  }

  /** Reads, without waiting, what the peer has left on the mark since the last time. */
  readMark(): MarkNews {
    return this.#closed ? noMark : (this.#mark?.read() ?? noMark)
  }

  /** Calls back after `ms`, unless another deadline is set or the peer is closed before. */
  setDeadline(ms: number, onExpired: () => void): void {
    this.clearDeadline()
    this.#deadline = this.#system.timer(ms, onExpired)
  }

  clearDeadline(): void {
    this.#deadline?.cancel()
  }

  /** Ignores all further messages. The end of the channel is still reported, and the channel stays open. */
  ignoreMessages(): void {
    this.#ignores = true
    this.clearDeadline()
  }

  /** Sends no further messages. */
  stopSending(): void {
    this.#mute = true
  }

  /** Lets this process end although the channel is open. */
  unref(): void {
    this.#wire.unref()
  }

  /** Closes channel and mark, without waiting for what is not sent yet. */
  close(): void {
    this.#closed = true
    this.clearDeadline()
    this.#closeNow()
  }

  /**
   * Closes channel and mark once the kernel has all that was sent. To a new process that has not
   * received our abort the end of the channel is our death, and it would serve.
   */
  closeOnceSent(): void {
    this.#closed = true
    this.clearDeadline()
    void this.#sent.then(() => this.#closeNow())
  }

  #closeNow(): void {
    this.#wire.close()
    this.#mark?.close()
    this.#positions?.close()
  }

  /** Looks at one frame: all that has no use for this process ends here. */
  #take({ message, descriptors }: Frame<number>): void {
    const handlers = this.#handlers
    if (this.#closed || this.#ignores || handlers === undefined) return closeAll(descriptors)
    if (!carriesDescriptors(message.type)) closeAll(descriptors.splice(0))
    if (isReceivedBy(this.#role, message) && handlers.takes(message)) {
      return handlers.onMessage(message, descriptors)
    }
    closeAll(descriptors)
    handlers.onOutOfTurn(message.type)
  }
}
