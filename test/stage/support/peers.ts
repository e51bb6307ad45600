// The other side by hand: peers that say exactly what a test makes them say, and die when it wants.

import { onTestFinished } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { Mark } from '../../../packages/handoff/src/io/channel/mark.ts'
import { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { UnixAcceptor } from '../../../packages/handoff/src/io/channel/unix-acceptor.ts'
import { closeAll } from '../../../packages/handoff/src/io/channel/wire.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Decoder, encode, type Frame } from '../../../packages/handoff/src/protocol/codec.ts'
import {
  type ManifestEntry,
  rendezvousKey,
} from '../../../packages/handoff/src/protocol/manifest.ts'
import type { MarkWord } from '../../../packages/handoff/src/protocol/mark.ts'
import type { Message, MessageType } from '../../../packages/handoff/src/protocol/messages.ts'
import { until } from '../../support/until.ts'

type Said<T extends MessageType> = Extract<Message, { type: T }>

/** One end of a channel. Owns what it receives, until it dies. */
export class Peer {
  readonly #channel: Channel
  readonly #frames: Frame<number>[] = []
  /** Every descriptor that came, in order. */
  readonly descriptors: number[] = []
  /** How many of them belong to what was heard. */
  received = 0
  /** Whether the other side has hung up. */
  over = false

  constructor(channel: Channel) {
    this.#channel = channel
    void this.#listen()
  }

  say(message: Message, descriptors: readonly number[] = []): void {
    void this.#channel.send(encode(message, descriptors.length), descriptors).catch(() => {})
  }

  /** Writes what is no message. */
  blurt(bytes: Uint8Array, descriptors: readonly number[] = []): void {
    void this.#channel.send(bytes, descriptors).catch(() => {})
  }

  /** The next message, which has to be of this type. */
  async hear<T extends MessageType>(type: T): Promise<Said<T>> {
    const { message, descriptors } = await until(`the peer says ${type}`, () => {
      while (this.#isByTheWay(type)) {
        for (const fd of this.#frames.shift()?.descriptors ?? []) this.#forget(fd)
      }
      const next = this.#frames.shift()
      if (next === undefined && this.over) throw new Error(`hung up on instead of ${type}`)
      return next
    })
    if (message.type !== type) {
      throw new Error(`heard ${JSON.stringify(message)} instead of ${type}`)
    }
    this.received += descriptors.length
    return message as Said<T>
  }

  /** The next message, if it has come and is of this type. */
  heard<T extends MessageType>(type: T): Said<T> | undefined {
    if (this.#frames[0]?.message.type !== type) return undefined
    return this.#frames.shift()?.message as Said<T>
  }

  /** Told to every new process between two steps; tests of other things do not look at it. */
  #isByTheWay(wanted: MessageType): boolean {
    const next = this.#frames[0]?.message.type
    return (next === 'older' || next === 'state') && next !== wanted
  }

  #forget(fd: number): void {
    this.descriptors.splice(this.descriptors.indexOf(fd), 1)
    close(fd)
  }

  /** Everything else that was heard, once the other side has hung up. */
  async end(): Promise<Message[]> {
    await until('the peer hangs up', () => this.over)
    return this.#frames.splice(0).map(({ message }) => message)
  }

  /** As the kernel does it for a process that was killed: everything is closed, nothing is said. */
  die(): void {
    this.over = true
    this.#channel.close()
    closeAll(this.descriptors.splice(0))
  }

  async #listen(): Promise<void> {
    const decoder = new Decoder<number>()
    try {
      for await (const { data, fds } of this.#channel) {
        this.descriptors.push(...fds)
        this.#frames.push(...decoder.push(data, fds))
      }
    } catch {
      // A reset: what came before it was heard.
    }
    this.over = true
  }
}

/** A new process by hand. */
export class NewPeer extends Peer {
  manifest: Said<'manifest'> | undefined
  /** Messages of later releases that it knows. */
  accepts = ['older', 'state']
  #mark: Mark | undefined
  /** Came with the mark, if it accepts `positions`. */
  positions: PositionFile | undefined

  static connect(rendezvous: string): NewPeer {
    return new NewPeer(Channel.connect(rendezvous))
  }

  /** Up to the manifest. */
  async discover(versions = [1]): Promise<Said<'manifest'>> {
    this.say({ type: 'hello', versions, pid: process.pid, accepts: this.accepts })
    if (this.accepts.includes('mark')) await this.#takeMark()
    this.manifest = await this.hear('manifest')
    return this.manifest
  }

  /** Up to the last descriptor. */
  async receive(): Promise<Said<'manifest'>> {
    const manifest = await this.discover()
    while (this.received < manifest.listeners.length) {
      await this.hear('listeners')
      this.say({ type: 'ack', received: this.received })
    }
    return manifest
  }

  /** Up to the commit. It takes every listener, or those of these keys, and no connections. */
  async takeOver(claimed?: readonly string[], http: readonly string[] = []): Promise<void> {
    const { listeners } = await this.receive()
    const keys = listeners.map(({ key }) => key).filter((key) => key !== rendezvousKey)
    const takes = Object.fromEntries(http.map((key) => [key, ['http']]))
    this.say({ type: 'ready', claimed: [...(claimed ?? keys)], takes })
    await this.hear('committed')
  }

  /** Leaves a word on the mark. */
  leave(word: MarkWord): void {
    if (this.#mark === undefined) throw new Error('this peer has no mark')
    this.#mark.write(word)
  }

  override die(): void {
    super.die()
    this.#mark?.close()
    this.positions?.close()
  }

  async #takeMark(): Promise<void> {
    await this.hear('mark')
    this.received -= 1
    this.#mark = Mark.from([this.descriptors.shift() as number])
    if (!this.accepts.includes('positions')) return
    this.received -= 1
    this.positions = PositionFile.from(this.descriptors.shift() as number)
    if (this.accepts.includes('tls-positions')) this.positions.useLongRecords()
  }

  /** The descriptor that came for an entry of the manifest. */
  descriptorOf(key: string): number {
    const index = this.manifest?.listeners.findIndex((entry) => entry.key === key) ?? -1
    const fd = this.descriptors[index]
    if (fd === undefined) throw new Error(`nothing came for ${key}`)
    return fd
  }
}

/** What an old process offers. */
export interface Offer {
  entry: ManifestEntry
  fd: number
}

/** An old process by hand: one that accepts a single peer. */
export class OldPeer {
  readonly #acceptor: UnixAcceptor
  readonly #path: string
  readonly #accepted: Peer[] = []
  /** Messages of later releases that it knows. */
  accepts: string[] | undefined
  /** Goes with a mark before the manifest, if it is set. */
  positions: PositionFile | undefined

  constructor(rendezvous: string) {
    this.#path = rendezvous
    this.#acceptor = new UnixAcceptor(
      bindUnix({ path: rendezvous, mode: 0o600 }),
      (fd) => this.#accepted.push(new Peer(Channel.from(fd))),
      (error) => {
        throw error
      },
    )
    this.#acceptor.start()
  }

  get rendezvous(): Offer {
    const fields = { protocol: 'unix', address: this.#path, port: 0, ipv6Only: false } as const
    return { entry: { key: rendezvousKey, ...fields }, fd: this.#acceptor.fd }
  }

  /** The peer that has connected. */
  async peer(): Promise<Peer> {
    return await until('somebody connects', () => this.#accepted[0])
  }

  /** As {@link Peer.die}. */
  die(): void {
    for (const peer of this.#accepted) peer.die()
    this.#acceptor.close()
  }

  /** Accepts no more: its rendezvous socket is the new process's. */
  shut(): void {
    this.#acceptor.close()
  }

  /** Up to the manifest; `listeners` is everything on it. */
  async offer(listeners: readonly Offer[], generation = 7): Promise<Peer> {
    const peer = await this.peer()
    await peer.hear('hello')
    if (this.positions !== undefined) this.#sendMark(peer, this.positions)
    const entries = listeners.map(({ entry }) => entry)
    peer.say({
      type: 'manifest',
      version: 1,
      generation,
      pid: process.pid,
      listeners: entries,
      ...(this.accepts === undefined ? {} : { accepts: this.accepts }),
    })
    return peer
  }

  #sendMark(peer: Peer, { fd }: PositionFile): void {
    const { mark, other } = Mark.pair()
    onTestFinished(() => mark.close())
    peer.say({ type: 'mark' }, [other, fd])
    close(other)
  }

  /** Up to the last ack. */
  async send(listeners: readonly Offer[]): Promise<Peer> {
    const peer = await this.offer(listeners)
    peer.say(
      { type: 'listeners', first: 0 },
      listeners.map(({ fd }) => fd),
    )
    await peer.hear('ack')
    return peer
  }
}
