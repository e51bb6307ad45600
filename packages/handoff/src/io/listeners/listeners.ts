// The listening sockets of this process: received, bound, handed on. Owns their descriptors.

import { resolve } from 'node:path'
import type { ListenerRequest, ManifestEntry } from '../../protocol/manifest.ts'
import {
  findEntry,
  joinedKey,
  joinedTo,
  keyOf,
  overlaps,
  requestOf,
} from '../../protocol/manifest.ts'
import { close, describe } from '../native/descriptors.ts'
import { stopListening } from './bind.ts'
import { bindPlace } from './bind-place.ts'
import type { BindOptions, Held } from './held.ts'
import { inodeField, isMissing, unlinkOwn } from './own-path.ts'
import { inodeAt, KeptPaths } from './unix-path.ts'

export class Listeners {
  /** Received from the old process and not asked for yet. */
  readonly #received = new Map<string, { entry: ManifestEntry; fd: number }>()
  /** Bound for this process by its supervisor, for servers that would bind here. */
  readonly #reserved = new Map<string, { entry: ManifestEntry; fd: number }>()
  readonly #held = new Set<Held>()
  /** Closed by the application while the old process may still hold them. */
  readonly #vacated = new Set<Held>()
  /** Keys of dropped listeners whose place other processes share (SO_REUSEPORT). */
  readonly #shared = new Set<string>()
  /** Before the commit what was received is the old process's: its paths are not ours to remove. */
  #committed = false
  #abandoned = false
  readonly #paths: KeptPaths

  /** @param paths - keeps those of Unix listeners. */
  constructor(paths = new KeptPaths(() => undefined)) {
    this.#paths = paths
  }

  /** Takes over a descriptor that was checked against its entry. */
  receive(entry: ManifestEntry, fd: number): void {
    this.#received.set(entry.key, { entry, fd })
    this.#keepPath(entry)
  }

  /** Takes over a descriptor that the supervisor bound for this process. */
  reserve(entry: ManifestEntry, fd: number): void {
    this.#reserved.set(entry.key, { entry, fd })
  }

  /** Whether a listener of this key was received and not asked for yet. */
  hasReceived(key: string): boolean {
    return this.#received.has(key)
  }

  /** Whether a listener at this path was received and not asked for yet. */
  hasReceivedAt(path: string): boolean {
    return [...this.#received.values()].some(({ entry }) => isAt(entry, path))
  }

  /** What was received is ours alone from here on. */
  commit(): void {
    this.#committed = true
    this.keepPaths()
  }

  /**
   * Keeps the paths of Unix listeners, and puts those back that were removed: by this program before
   * it listened, by an older one at its exit.
   */
  keepPaths(): void {
    for (const { entry } of [...this.#held, ...this.#received.values()]) this.#keepPath(entry)
  }

  /**
   * Gives the listener that was asked for: the received one, else a newly bound one.
   *
   * @throws the system's error, as Node's own listen would give it.
   */
  claim(request: ListenerRequest, options: BindOptions): Held {
    // The key is what is asked for now: the next process finds it by that.
    const key = this.#freeKey(request)
    const vacated = this.#reclaim(request, key, options)
    if (vacated !== undefined) return vacated
    const entries = [...this.#received.values()].map(({ entry }) => entry)
    const offered = findEntry(entries, request, key)
    const received = offered === undefined ? undefined : this.#received.get(offered.key)
    if (received !== undefined) return this.#take(received, key, options)
    return this.#claimReserved(request, key, options) ?? this.#bind(key, request, options)
  }

  /**
   * Returns a stand-in for a listener that could not be bound only because one overlaps with it that
   * was received and not asked for yet. A program that tries whether its port is free, at another
   * address than it listens on, closes it again at once.
   *
   * @param refusal - the error of {@link claim}.
   * @returns undefined if that is not the reason.
   */
  standIn(request: ListenerRequest, refusal: unknown): Held | undefined {
    if ((refusal as NodeJS.ErrnoException).code !== 'EADDRINUSE') return undefined
    if (!this.unclaimed.some((entry) => overlaps(entry, request))) return undefined
    const { protocol, address = '::', port, ipv6Only } = request
    const entry = { key: `try:${keyOf(request)}`, protocol, address, port, ipv6Only }
    return { entry, fd: -1, options: {}, refusal }
  }

  /** Gives, of what was received, the listeners that have joined this one. */
  claimJoined(held: Held): Held[] {
    const { receivedAs, entry, options } = held
    if (receivedAs === undefined) return []
    const vacated = [...this.#vacated].filter((other) => joinedTo(other.entry.key) === entry.key)
    for (const other of vacated) {
      this.#vacated.delete(other)
      this.#held.add(other)
    }
    const received = [...this.#received.values()]
      .filter((received) => joinedTo(received.entry.key) === receivedAs)
      .map((received) => this.#take(received, this.#freeJoinedKey(entry.key), options))
    return [...vacated, ...received]
  }

  /**
   * Takes over the listener of another line of generations, at the place of one of this process.
   *
   * @param entry - as the other line has it.
   */
  join(to: Held, entry: ManifestEntry, fd: number): Held {
    const key = this.#freeJoinedKey(to.entry.key)
    const held = { entry: { ...entry, key }, fd, receivedAs: entry.key, options: to.options }
    this.#held.add(held)
    return held
  }

  /** Gives the listener that came as this descriptor, where one did. */
  claimDescriptor(fd: number): Held | undefined {
    const received = [...this.#received.values()].find((candidate) => candidate.fd === fd)
    return received === undefined ? undefined : this.#take(received, received.entry.key, {})
  }

  /** Takes ownership of a descriptor that listens already. */
  hold(request: ListenerRequest, fd: number): Held {
    return this.#hold(this.#freeKey(request), request, fd, {})
  }

  /**
   * Binds again, at the very place and under the key that it had, what was dropped.
   *
   * @throws the system's error.
   */
  restore(held: Held): Held {
    const { entry, options } = held
    return this.#bind(entry.key, requestOf(entry), options)
  }

  /**
   * Returns a listener that the application closed to those that it has not asked for yet, if it came
   * from elsewhere: the next request for its place gets it again.
   *
   * @returns false, and changes nothing, if this process bound the listener itself or has committed.
   */
  giveBack(held: Held): boolean {
    const { entry, fd, receivedAs, reservedAs } = held
    if (this.#committed || this.#abandoned) return false
    if (receivedAs === undefined && reservedAs === undefined) return false
    if (!this.#held.delete(held)) return false
    if (receivedAs !== undefined) this.receive({ ...entry, key: receivedAs }, fd)
    else if (reservedAs !== undefined) this.reserve(reservedAs, fd)
    return true
  }

  /**
   * Keeps a listener that the application closed, and refuses its clients: as long as the old process
   * holds it, too, its address is not free. The next request for its place gets it again.
   */
  vacate(held: Held): void {
    if (!this.#held.delete(held)) return
    this.#refuse(held)
  }

  /** The same for what was received and not asked for. Returns the entries. */
  vacateUnclaimed(): ManifestEntry[] {
    const unclaimed = [...this.#received.values()]
    this.#received.clear()
    for (const { entry, fd } of unclaimed) {
      this.#refuse({ entry, fd, receivedAs: entry.key, options: {} })
    }
    return unclaimed.map(({ entry }) => entry)
  }

  /**
   * Makes clients reach a listener again that another process has vacated (TCP: its queue is closed; Unix:
   * its path is removed).
   *
   * @returns false if only a new listener at its place can do that.
   */
  regain({ entry, fd }: Held): boolean {
    if (entry.protocol === 'tcp') return describe(fd).listening
    if (entry.protocol === 'udp' || entry.inode === undefined) return true
    if (this.#paths.isReleased(entry.address)) return true
    this.#keepPath(entry, true)
    return !isMissing(entry.address)
  }

  /** No other process holds what was vacated. */
  closeVacated(): void {
    for (const held of this.#vacated) {
      const { protocol, address, inode } = held.entry
      const isOurs = protocol === 'unix' && inode !== undefined && !this.#paths.isShared(address)
      if (isOurs) this.#paths.forget(address, inode)
      this.#close(held)
    }
    this.#vacated.clear()
  }

  /** Whether the listener is this process's still, and its descriptor open. */
  holds(held: Held): boolean {
    return this.#held.has(held)
  }

  /** What this process holds, in the order of its manifest. */
  all(): Held[] {
    return [...this.#held]
  }

  /** Listeners that were received, and that the application has not asked for. */
  get unclaimed(): ManifestEntry[] {
    return [...this.#received.values()].map(({ entry }) => entry)
  }

  /** What was received and nobody asked for: open, it would swallow clients without an answer. */
  closeUnclaimed(): ManifestEntry[] {
    const unclaimed = [...this.#received.values()]
    this.#received.clear()
    // Nobody can have connected to what was reserved, or others serve there too.
    for (const { fd } of [...unclaimed, ...this.#reserved.values()]) close(fd)
    this.#reserved.clear()
    return unclaimed.map((held) => held.entry)
  }

  /** This process will not serve: closes what was not asked for, now and later. */
  abandon(): void {
    this.#abandoned = true
    this.closeUnclaimed()
  }

  /**
   * Closes one listener. Its path goes only when this was its last holder: with `unlink`, before
   * the close, while our descriptor still keeps the inode from being recycled.
   */
  drop(held: Held, { unlink }: { unlink: boolean }): void {
    if (!this.#held.delete(held)) return
    const isOurs = this.#committed || held.receivedAs === undefined
    try {
      if (unlink && isOurs) this.#removePath(held.entry)
    } finally {
      this.#close(held)
    }
  }

  #close(held: Held): void {
    this.#noteShared(held)
    close(held.fd)
  }

  #noteShared({ entry: { key, protocol }, fd }: Held): void {
    if (protocol !== 'unix' && describe(fd).reusePort) this.#shared.add(key)
  }

  #refuse(held: Held): void {
    const { entry, fd } = held
    this.#vacated.add(held)
    this.#noteShared(held)
    if (entry.shared) return
    if (entry.protocol === 'tcp') stopListening(fd)
    if (entry.protocol !== 'unix' || this.#paths.isShared(entry.address)) return
    unlinkOwn(entry)
    this.#paths.release(entry.address)
  }

  #reclaim(request: ListenerRequest, key: string, options: BindOptions): Held | undefined {
    const entry = findEntry(
      [...this.#vacated].map((held) => held.entry),
      request,
      key,
    )
    const vacated = [...this.#vacated].find((held) => held.entry === entry)
    if (vacated === undefined) return undefined
    const { fd, receivedAs } = vacated
    this.#vacated.delete(vacated)
    this.#keepPath(vacated.entry, true)
    if (isUsable(vacated)) {
      const held = { ...vacated, options }
      this.#held.add(held)
      return held
    }
    close(fd)
    const bound = this.#bind(key, request, options)
    if (receivedAs === undefined) return bound
    // Connections of the old process still come under that key.
    const held = { ...bound, receivedAs }
    this.#held.delete(bound)
    this.#held.add(held)
    return held
  }

  /**
   * Puts the path back if it is missing, and keeps it. The path of a socket unit has no inode here: it
   * is not ours.
   *
   * @param anew - whether the program has just asked for it.
   */
  #keepPath({ protocol, address, inode }: ManifestEntry, anew = false): void {
    if (protocol !== 'unix') return
    this.#paths.restore(address, inode, anew)
    if (inode !== undefined) this.#paths.keep(address, inode)
  }

  #removePath(entry: ManifestEntry): void {
    if (entry.protocol === 'unix' && this.#paths.isShared(entry.address)) return
    unlinkOwn(entry)
    if (entry.protocol === 'unix' && entry.inode !== undefined) {
      this.#paths.forget(entry.address, entry.inode)
    }
  }

  /** Where SO_REUSEPORT gives several listeners one place, each after the first has a number. */
  #freeKey(request: ListenerRequest): string {
    const keys = new Set([...this.#held].map(({ entry }) => entry.key))
    const first = keyOf(request)
    let key = first
    for (let count = 2; keys.has(key); count++) key = `${first}#${count}`
    return key
  }

  #freeJoinedKey(key: string): string {
    const keys = new Set([...this.#held].map(({ entry }) => entry.key))
    for (let number = 2; ; number++) {
      const joined = joinedKey(key, number)
      if (!keys.has(joined)) return joined
    }
  }

  /** A reserved one is bound as if this process had done it; but its path is another worker's. */
  #claimReserved(request: ListenerRequest, key: string, options: BindOptions): Held | undefined {
    const entries = [...this.#reserved.values()].map(({ entry }) => entry)
    const found = findEntry(entries, request, key)
    if (found === undefined) return undefined
    const { fd, entry } = this.#reserved.get(found.key) as { entry: ManifestEntry; fd: number }
    this.#reserved.delete(found.key)
    const { inode: _, ...place } = entry
    // A dup of the other worker's own listener listens already.
    const shared = entry.protocol === 'udp' || describe(fd).listening
    const own = { ...place, key, ...(shared && { shared }) }
    const held = { entry: own, fd, reservedAs: entry, options: { ...options, reusePort: true } }
    this.#held.add(held)
    return held
  }

  #bind(key: string, request: ListenerRequest, options: BindOptions): Held {
    const { reusePort = this.#shared.has(key) } = options
    return this.#hold(key, request, bindPlace(request, { ...options, reusePort }), options)
  }

  #take(received: { entry: ManifestEntry; fd: number }, key: string, options: BindOptions): Held {
    const { entry, fd } = received
    this.#received.delete(entry.key)
    const held = { entry: { ...entry, key }, fd, receivedAs: entry.key, options }
    this.#held.add(held)
    this.#keepPath(entry, true)
    return held
  }

  #hold(key: string, { protocol }: ListenerRequest, fd: number, options: BindOptions): Held {
    const { address, port, path, ipv6Only } = describe(fd)
    const place = protocol === 'unix' ? { address: path, ...inodeField(path) } : { address }
    const held = { entry: { key, protocol, ...place, port, ipv6Only }, fd, options }
    this.#held.add(held)
    this.#keepPath(held.entry)
    return held
  }
}

/** Whether clients still get to a listener that was vacated, or do again. */
function isUsable({ entry: { protocol, address, inode }, fd }: Held): boolean {
  if (protocol === 'tcp') return describe(fd).listening
  return protocol === 'udp' || inode === undefined || inodeAt(address) === inode
}

function isAt({ protocol, address }: ManifestEntry, path: string): boolean {
  return protocol === 'unix' && address !== '' && resolve(address) === path
}
