// One end of the mark of a handoff: leaves words in the kernel, and looks for those of the peer.

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
 * One end of a connected socket pair. What is left here stays readable for the peer after this
 * process has died; nothing here ever waits for the peer.
 *
 * @remarks Only the process that leaves words may hold this end: its close tells of the death.
 */
export class Mark {
  readonly #fd: number
  readonly #left = new Set<MarkWord>()
  readonly #seen = new Set<MarkWord>()
  #poll: Poll | undefined
  #closed = false

  private constructor(fd: number) {
    this.#fd = fd
    check(loadNative().prepareChannel(fd, 0), 'setsockopt')
  }

  /**
   * Makes both ends: one to keep, and the descriptor of the other, which the caller owns.
   *
   * @throws a system error: `EMFILE`, `ENFILE`
   */
  static pair(): { mark: Mark; other: number } {
    const [own, other] = socketPair()
    return { mark: new Mark(own), other }
  }

  /**
   * Takes the end that came from the peer. Owns the descriptor, also when it throws.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH when it is no such socket.
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

  /** Leaves a word, once. A peer that is gone has no use for it. */
  leave(word: MarkWord): void {
    if (this.#closed || this.#left.has(word)) return
    this.#left.add(word)
    // A few bytes into an empty socket: it always has room.
    loadNative().send(this.#fd, Uint8Array.of(markBytes[word]), noDescriptors)
  }

  /** Reads, without waiting, what the peer has left since the last look. */
  look(): MarkNews {
    const words: MarkWord[] = []
    if (this.#closed) return this.#news(words, false)
    for (;;) {
      const received = this.#receive()
      if (received === undefined) return this.#news(words, false)
      for (const fd of received.fds) close(fd)
      if (received.data.length === 0) return this.#news(words, true)
      for (const byte of received.data) {
        const word = wordOf.get(byte)
        // A word that a later release adds means nothing here.
        if (word === undefined || this.#seen.has(word)) continue
        this.#seen.add(word)
        words.push(word)
      }
    }
  }

  /**
   * Reports words as they come, until the peer ends.
   *
   * @throws a system error, when the descriptor cannot be watched
   */
  watch(onWords: (news: MarkNews) => void): void {
    const poll = new (loadNative().Poll)(this.#fd, () => {
      const news = this.look()
      if (news.ended) poll.stop()
      if (news.words.length > 0) onWords(news)
    })
    this.#poll = poll
    // The channel holds the process alive.
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

  /** A reset is the end of a peer that had not read all: unix(7). */
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
