// Keeps dups of the listeners of the process that serves: if it dies, clients wait in their queues.

import { closeAll } from '../../../io/channel/wire.ts'
import { listenerProtocolOf } from '../../../io/listeners/inherited-listeners.ts'
import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import { close, describe } from '../../../io/native/descriptors.ts'
import { placeOf } from '../../../protocol/manifest.ts'
import { keyOfStoreName } from '../../../protocol/store-names.ts'
import { HandoffError } from '../../../terms/errors.ts'
import type { Report } from '../../registry/event.ts'

/** How long the words about listeners may take, in milliseconds. */
const wordTimeoutMs = 1_000

/**
 * The supervisor's part of systemd's descriptor store (sd_pid_notify_with_fds(3), FDSTORE=1).
 *
 * @remarks An open listener keeps its port: what the process that serves does not accept from must
 * be closed here too, or its clients wait for ever.
 */
export class ListenerStore {
  readonly #stored = new Map<string, number>()
  /** What the supervisor itself was started with; systemd listens there as long as we do. */
  readonly #inherited: readonly NamedDescriptor[]
  /** Called when something more is kept. */
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(inherited: readonly NamedDescriptor[] = []) {
    this.#inherited = inherited
  }

  /** What the next process inherits, and uses where there is none to take over from. */
  get all(): NamedDescriptor[] {
    return [...this.#inherited, ...this.stored]
  }

  /** What the process that serves has given us. */
  get stored(): NamedDescriptor[] {
    return [...this.#stored].map(([name, fd]) => ({ name, fd }))
  }

  /**
   * Resolves when there is a listener for each of these places: the process that serves tells of
   * them one by one, right after it has told that it does. A word may have been lost: then it
   * resolves all the same, a little later.
   */
  async keeps(places: readonly string[]): Promise<void> {
    if (this.#keepsAll(places)) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const check = () => {
        if (this.#closed || this.#keepsAll(places)) end()
      }
      const timer = setTimeout(end, wordTimeoutMs)
      this.#waiting.add(check)
    })
  }

  /**
   * Takes note of what the process that serves reports. Owns the descriptors.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH for what is no listener.
   */
  heard({ event, store, unstore, stopping }: Report, descriptors: readonly number[]): void {
    if (event?.type === 'serving' || event?.type === 'taken-back') this.retain(event.listeners)
    if (unstore !== undefined) this.remove(unstore)
    // It accepts no more, and nobody comes after it.
    if (stopping) this.clear()
    const [first, ...more] = descriptors
    closeAll(more)
    if (first !== undefined) this.put(store ?? '', first)
  }

  /**
   * Keeps a descriptor under a name, in place of the one before. Owns it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH for what is no listener.
   */
  put(name: string, fd: number): void {
    if (this.#closed) return close(fd)
    if (listenerProtocolOf(describe(fd)) === undefined) {
      close(fd)
      throw new HandoffError(
        'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
        `cannot keep ${name} for a crash of the server: it is no listener`,
      )
    }
    this.remove(name)
    this.#stored.set(name, fd)
    this.#tell()
  }

  remove(name: string): void {
    const fd = this.#stored.get(name)
    if (fd === undefined) return
    this.#stored.delete(name)
    close(fd)
  }

  /**
   * Another process serves: what it does not listen on is nobody's.
   *
   * @param places - where it listens, as its events tell.
   */
  retain(places: readonly string[]): void {
    for (const [name, fd] of [...this.#stored]) {
      // A name that was cut off tells no key; the process itself removes such a one.
      const place = placeOfStored({ name, fd })
      if (place !== undefined && !places.includes(place)) this.remove(name)
    }
  }

  /** The service ends: from here on whoever connects is refused. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.clear()
    for (const { fd } of this.#inherited) close(fd)
    this.#tell()
  }

  /** What the process that served has stored is somebody else's now. */
  clear(): void {
    for (const name of [...this.#stored.keys()]) this.remove(name)
  }

  #keepsAll(places: readonly string[]): boolean {
    const kept = new Set(this.stored.map(placeOfStored))
    return places.every((place) => kept.has(place))
  }

  #tell(): void {
    for (const check of [...this.#waiting]) check()
  }
}

/** As the events of the process tell it; undefined for a name that was cut off. */
function placeOfStored({ name, fd }: NamedDescriptor): string | undefined {
  const key = keyOfStoreName(name)
  return key === undefined ? undefined : placeOf({ key, port: describe(fd).port })
}
