// One end of the mark of a handoff: writes words into the kernel, and reads those of the peer.

import { type MarkNews, type MarkWord, markBytes } from '../../protocol/mark.ts'
import { HandoffError } from '../../terms/errors.ts'
import { check, loadNative, type Poll, READABLE } from '../native/addon.ts'
import { close, describe, socketPair } from '../native/descriptors.ts'
import { type Received, receive } from '../native/scm-rights.ts'

const noDescriptors = new Int32Array(0)

const wordOf = new Map<number, MarkWord>(
  Object.entries(markBytes).map(([word, byte]) => [byte, word as MarkWord]),
)

/**
 * One end of a connected socket pair. The peer can read a word even after this process has died. Nothing
 * here waits for the peer.
 *
 * @remarks Only the process that writes words may hold this end: its close reports the death.
 */
export class Mark {
  readonly #fd: number
  readonly #written = new Set<MarkWord>()
  readonly #seen = new Set<MarkWord>()
  #poll: Poll | undefined
  #closed = false

  private constructor(fd: number) {
    this.#fd = fd
    check(loadNative().prepareChannel(fd, 0), 'setsockopt')
  }

  /**
   * Makes both ends: one for this process, and the descriptor of the other, which the caller owns.
   *
   * @throws a system error: `EMFILE`, `ENFILE`.
   */
  static pair(): { mark: Mark; other: number } {
    const [own, other] = socketPair()
    return { mark: new Mark(own), other }
  }

  /**
   * Makes an end of the descriptor that came from the peer. Owns it, also if this throws.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH if it is not such a socket.
   */
  static from(descriptors: readonly number[]): Mark {
    const [fd, ...more] = descriptors
    if (fd !== undefined && more.length === 0 && isStream(fd)) return new Mark(fd)
    for (const descriptor of descriptors) close(descriptor)
    throw new HandoffError(
      'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
      'cannot receive the mark: its descriptor is not a connected Unix stream socket',
      { stage: 'discover' },
    )
  }

  /** Writes a word, once. Ignores that the peer has ended. */
  write(word: MarkWord): void {
    if (this.#closed || this.#written.has(word)) return
    this.#written.add(word)
    // A few bytes into an empty socket: it always has room.
    loadNative().send(this.#fd, Uint8Array.of(markBytes[word]), noDescriptors)
  }

  /** Reads, without waiting, the words that the peer has written since the last call. */
  read(): MarkNews {
    const words: MarkWord[] = []
    if (this.#closed) return this.#news(words, false)
    for (;;) {
      const received = this.#receive()
      if (received === undefined) return this.#news(words, false)
      for (const fd of received.fds) close(fd)
      if (received.data.length === 0) return this.#news(words, true)
      for (const byte of received.data) {
        const word = wordOf.get(byte)
        // A word of a later release has no meaning here.
        if (word === undefined || this.#seen.has(word)) continue
        this.#seen.add(word)
        words.push(word)
      }
    }
  }

  /**
   * Reports words as they come, until the peer ends.
   *
   * @throws a system error if the descriptor cannot be watched.
   */
  watch(onWords: (news: MarkNews) => void): void {
    const poll = new (loadNative().Poll)(this.#fd, () => {
      const news = this.read()
      if (news.ended) poll.stop()
      if (news.words.length > 0) onWords(news)
    })
    this.#poll = poll
    // The channel keeps the process alive.
    poll.unref()
    check(poll.start(READABLE), 'epoll_ctl')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#poll?.close()
    close(this.#fd)
  }

  #news(words: readonly MarkWord[], ended: boolean): MarkNews {
    return { words, ended, serves: this.#seen.has('serves') }
  }

  /** Takes a reset for the end: the peer had not read all (unix(7)). */
  #receive(): Pick<Received, 'data' | 'fds'> | undefined {
    try {
      return receive(this.#fd)
    } catch {
      return { data: Buffer.alloc(0), fds: [] }
    }
  }
}

function isStream(fd: number): boolean {
  const { family, type, listening } = describe(fd)
  return family === 'unix' && type === 'stream' && !listening
}
