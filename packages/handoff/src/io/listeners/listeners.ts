// The listening sockets of this process: received, bound, handed on. Owns their descriptors.

import { type ListenerRequest, type ManifestEntry, requestOf } from '../../protocol/manifest.ts'
import { close, describe } from '../native/descriptors.ts'
import { bindRequest } from './bind-request.ts'
import { freeJoinedKey, freeKey } from './free-keys.ts'
import {
  type BindOptions,
  type HeldListener,
  heldFromBound,
  heldFromReceived,
  heldFromReserved,
} from './held-listener.ts'
import { KeptPaths } from './kept-paths.ts'
import { type ReceivedListener, ReceivedListeners } from './received-listeners.ts'
import { isMissing } from './socket-path.ts'
import { isReachable, VacatedListeners } from './vacated-listeners.ts'

export class Listeners {
  /** Received from the old process, and not asked for yet. */
  readonly #received = new ReceivedListeners()
  /** Bound for this process by its supervisor, for servers that would bind there. */
  readonly #reserved = new ReceivedListeners()
  readonly #held = new Set<HeldListener>()
  readonly #vacated: VacatedListeners
  /** Keys of closed listeners whose address other processes share (SO_REUSEPORT). */
  readonly #shared = new Set<string>()
  /** Before the commit the received listeners are the old process's: their paths are not removed. */
  #committed = false
  #abandoned = false
  readonly #paths: KeptPaths

  /** @param paths - keeps those of Unix listeners. */
  constructor(paths = new KeptPaths(() => undefined)) {
    this.#paths = paths
    this.#vacated = new VacatedListeners(paths)
  }

  /** Takes over a descriptor that was checked against its entry. */
  receive(entry: ManifestEntry, fd: number): void {
    this.#received.add(entry, fd)
    this.#paths.keepEntry(entry)
  }

  /** Takes over a descriptor that the supervisor bound for this process. */
  reserve(entry: ManifestEntry, fd: number): void {
    this.#reserved.add(entry, fd)
  }

  /** Whether a listener of this key was received, and not asked for yet. */
  hasReceived(key: string): boolean {
    return this.#received.has(key)
  }

  /** Whether a listener at this absolute path was received, and not asked for yet. */
  hasReceivedAt(path: string): boolean {
    return this.#received.hasAt(path)
  }

  /** Received listeners are this process's alone from here on. */
  commit(): void {
    this.#committed = true
    this.keepPaths()
  }

  /**
   * Keeps the paths of Unix listeners, and restores those that were removed: by this program before it
   * listened, or by an older one at its exit.
   */
  keepPaths(): void {
    for (const { entry } of this.#held) this.#paths.keepEntry(entry)
    for (const entry of this.#received.entries) this.#paths.keepEntry(entry)
  }

  /**
   * Returns the listener that a request asks for: a received one if possible, else a new one.
   *
   * @throws the system's error, as Node's own listen reports it.
   */
  claim(request: ListenerRequest, options: BindOptions): HeldListener {
    // The key comes from this request, not from the old process: the next process asks by it.
    const key = freeKey(request, this.#keys)
    const vacated = this.#vacated.take(request, key)
    if (vacated !== undefined) return this.#reuse(vacated, request, key, options)
    const received = this.#received.take(request, key)
    if (received !== undefined) return this.#holdReceived(received, key, options)
    const reserved = this.#reserved.take(request, key)
    if (reserved !== undefined) return this.#add(heldFromReserved(reserved, key, options))
    return this.#bind(key, request, options)
  }

  /** Claims the received listeners that have joined this one. */
  claimJoined(held: HeldListener): HeldListener[] {
    const { receivedAs, entry, options } = held
    if (receivedAs === undefined) return []
    const vacated = this.#vacated.takeJoinedTo(entry.key)
    for (const other of vacated) this.#held.add(other)
    const received = this.#received
      .takeJoinedTo(receivedAs)
      .map((one) => this.#holdReceived(one, freeJoinedKey(entry.key, this.#keys), options))
    return [...vacated, ...received]
  }

  /**
   * Takes over a listener of another line of generations, at the address of one of this process.
   *
   * @param entry - as the other line has it.
   */
  join(to: HeldListener, entry: ManifestEntry, fd: number): HeldListener {
    const key = freeJoinedKey(to.entry.key, this.#keys)
    return this.#add(heldFromReceived({ entry, fd }, key, to.options))
  }

  /** Claims the listener that came as this descriptor; undefined if none did. */
  claimDescriptor(fd: number): HeldListener | undefined {
    const received = this.#received.takeDescriptor(fd)
    return received === undefined ? undefined : this.#holdReceived(received, received.entry.key, {})
  }

  /** Takes over a descriptor that listens already. */
  hold(request: ListenerRequest, fd: number): HeldListener {
    return this.#holdBound(freeKey(request, this.#keys), request, fd, {})
  }

  /**
   * Binds a closed listener again, at the same address and under the same key.
   *
   * @throws the system's error.
   */
  restore(held: HeldListener): HeldListener {
    const { entry, options } = held
    return this.#bind(entry.key, requestOf(entry), options)
  }

  /**
   * Returns a listener that the application closed to the unclaimed ones, if it came from elsewhere. The
   * next request for its address gets it again.
   *
   * @returns false, without a change, if this process bound the listener itself or has committed.
   */
  unclaim(held: HeldListener): boolean {
    const { entry, fd, receivedAs, reservedAs } = held
    if (this.#committed || this.#abandoned) return false
    if (receivedAs === undefined && reservedAs === undefined) return false
    if (!this.#held.delete(held)) return false
    if (receivedAs !== undefined) this.receive({ ...entry, key: receivedAs }, fd)
    else if (reservedAs !== undefined) this.reserve(reservedAs, fd)
    return true
  }

  /** Keeps a listener that the application closed, and refuses its clients: {@link VacatedListeners}. */
  vacate(held: HeldListener): void {
    if (this.#held.delete(held)) this.#vacate(held)
  }

  /** Does the same with the received listeners that were not asked for. Returns their entries. */
  vacateUnclaimed(): ManifestEntry[] {
    const unclaimed = this.#received.takeAll()
    for (const { entry, fd } of unclaimed) {
      this.#vacate({ entry, fd, receivedAs: entry.key, options: {} })
    }
    return unclaimed.map(({ entry }) => entry)
  }

  /**
   * Lets clients reach a listener again that another process has vacated. (TCP: its queue is closed;
   * Unix: its path is removed.)
   *
   * @returns false if only a new listener at its address can do that.
   */
  makeReachable({ entry, fd }: HeldListener): boolean {
    if (entry.protocol === 'tcp') return describe(fd).listening
    if (entry.protocol === 'udp' || entry.inode === undefined) return true
    if (this.#paths.isReleased(entry.address)) return true
    this.#paths.keepEntry(entry, true)
    return !isMissing(entry.address)
  }

  /** Closes the vacated listeners: no other process holds them. */
  closeVacated(): void {
    for (const held of this.#vacated.takeAll()) this.#close(held)
  }

  /** Whether this process still owns the listener, with its descriptor open. */
  holds(held: HeldListener): boolean {
    return this.#held.has(held)
  }

  /** Returns the listeners of this process, in the order of its manifest. */
  all(): HeldListener[] {
    return [...this.#held]
  }

  /** The received listeners that the application has not asked for. */
  get unclaimed(): ManifestEntry[] {
    return this.#received.entries
  }

  /**
   * Closes the listeners that the application has not asked for: open, they would accept clients that
   * get no answer. Returns the entries of those that were received.
   */
  closeUnclaimed(): ManifestEntry[] {
    const unclaimed = this.#received.takeAll()
    // No client waits at a reserved one, unless others serve there too.
    for (const { fd } of [...unclaimed, ...this.#reserved.takeAll()]) close(fd)
    return unclaimed.map(({ entry }) => entry)
  }

  /** This process will not serve: closes the unclaimed listeners, and gives none back later. */
  abandon(): void {
    this.#abandoned = true
    this.closeUnclaimed()
  }

  /**
   * Closes one listener. With `unlink`, removes its path if this was its last holder: before the close,
   * while our descriptor keeps the kernel from reusing the inode.
   */
  drop(held: HeldListener, { unlink }: { unlink: boolean }): void {
    if (!this.#held.delete(held)) return
    const isOurs = this.#committed || held.receivedAs === undefined
    try {
      if (unlink && isOurs) this.#paths.removeEntry(held.entry)
    } finally {
      this.#close(held)
    }
  }

  get #keys(): ReadonlySet<string> {
    return new Set([...this.#held].map(({ entry }) => entry.key))
  }

  #add(held: HeldListener): HeldListener {
    this.#held.add(held)
    return held
  }

  #close(held: HeldListener): void {
    this.#noteShared(held)
    close(held.fd)
  }

  #vacate(held: HeldListener): void {
    this.#noteShared(held)
    this.#vacated.add(held)
  }

  #noteShared({ entry: { key, protocol }, fd }: HeldListener): void {
    if (protocol !== 'unix' && describe(fd).reusePort) this.#shared.add(key)
  }

  #reuse(
    vacated: HeldListener,
    request: ListenerRequest,
    key: string,
    options: BindOptions,
  ): HeldListener {
    const { fd, receivedAs } = vacated
    this.#paths.keepEntry(vacated.entry, true)
    if (isReachable(vacated)) return this.#add({ ...vacated, options })
    close(fd)
    const bound = this.#bind(key, request, options)
    if (receivedAs === undefined) return bound
    // The old process still sends connections under that key.
    this.#held.delete(bound)
    return this.#add({ ...bound, receivedAs })
  }

  #bind(key: string, request: ListenerRequest, options: BindOptions): HeldListener {
    const { reusePort = this.#shared.has(key) } = options
    return this.#holdBound(key, request, bindRequest(request, { ...options, reusePort }), options)
  }

  #holdReceived(received: ReceivedListener, key: string, options: BindOptions): HeldListener {
    const held = this.#add(heldFromReceived(received, key, options))
    this.#paths.keepEntry(received.entry, true)
    return held
  }

  #holdBound(
    key: string,
    request: ListenerRequest,
    fd: number,
    options: BindOptions,
  ): HeldListener {
    const held = this.#add(heldFromBound(fd, key, request, options))
    this.#paths.keepEntry(held.entry)
    return held
  }
}
