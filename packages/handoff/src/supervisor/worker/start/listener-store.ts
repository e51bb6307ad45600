// Keeps dups of the listeners of the process that serves. If it dies, clients wait in their queues.

import { closeAll } from '../../../io/channel/wire.ts'
import { listenerProtocolOf } from '../../../io/listeners/inherited-listeners.ts'
import type { NamedDescriptor } from '../../../io/listeners/inherited-variables.ts'
import { close, describe } from '../../../io/native/descriptors.ts'
import { placeOf } from '../../../protocol/manifest.ts'
import { keyOfStoreName } from '../../../protocol/store-names.ts'
import { HandoffError } from '../../../terms/errors.ts'
import type { Report } from '../../registry/process-report.ts'

/** How long the reports about listeners may take, in milliseconds. */
const reportTimeoutMs = 1_000

/**
 * The supervisor's part of systemd's descriptor store (sd_pid_notify_with_fds(3), FDSTORE=1).
 *
 * @remarks An open listener keeps its port. A listener from which no process accepts must be closed here
 * too, or its clients wait for ever.
 */
export class ListenerStore {
  readonly #stored = new Map<string, number>()
  /** The listeners that the supervisor was started with. systemd keeps them open as long as it runs. */
  readonly #inherited: readonly NamedDescriptor[]
  /** Called when one more listener is kept. */
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(inherited: readonly NamedDescriptor[] = []) {
    this.#inherited = inherited
  }

  /** The listeners that the next process inherits, and uses if it finds no old process. */
  get all(): NamedDescriptor[] {
    return [...this.#inherited, ...this.stored]
  }

  /** The listeners that the process that serves has sent. */
  get stored(): NamedDescriptor[] {
    return [...this.#stored].map(([name, fd]) => ({ name, fd }))
  }

  /**
   * Resolves when a listener for each of these places is kept. The process that serves sends them one by
   * one, right after it has reported that it serves. A report may be lost: then this resolves after
   * a second.
   */
  async allKept(places: readonly string[]): Promise<void> {
    if (this.#isKept(places)) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const check = () => {
        if (this.#closed || this.#isKept(places)) end()
      }
      const timer = setTimeout(end, reportTimeoutMs)
      this.#waiting.add(check)
    })
  }

  /**
   * Takes note of a report of the process that serves. Owns the descriptors.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH if a descriptor is no listener.
   */
  onReport({ event, store, unstore, stopping }: Report, descriptors: readonly number[]): void {
    if (event?.type === 'serving' || event?.type === 'taken-back') this.retain(event.listeners)
    if (unstore !== undefined) this.remove(unstore)
    // The process accepts no more, and has no successor.
    if (stopping) this.clear()
    const [first, ...more] = descriptors
    closeAll(more)
    if (first !== undefined) this.put(store ?? '', first)
  }

  /**
   * Keeps a descriptor under a name, in place of the one before. Owns it.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH if it is no listener.
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
    this.#onKept()
  }

  remove(name: string): void {
    const fd = this.#stored.get(name)
    if (fd === undefined) return
    this.#stored.delete(name)
    close(fd)
  }

  /**
   * Another process serves. Removes the listeners at places where it does not listen.
   *
   * @param places - where it listens, as its events have them.
   */
  retain(places: readonly string[]): void {
    for (const [name, fd] of [...this.#stored]) {
      // A name that was cut off has no key. The process itself removes such a listener.
      const place = placeOfStored({ name, fd })
      if (place !== undefined && !places.includes(place)) this.remove(name)
    }
  }

  /** The service ends: from here on connections are refused. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.clear()
    for (const { fd } of this.#inherited) close(fd)
    this.#onKept()
  }

  /** Removes the listeners that the process that served has sent. */
  clear(): void {
    for (const name of [...this.#stored.keys()]) this.remove(name)
  }

  #isKept(places: readonly string[]): boolean {
    const kept = new Set(this.stored.map(placeOfStored))
    return places.every((place) => kept.has(place))
  }

  #onKept(): void {
    for (const check of [...this.#waiting]) check()
  }
}

/** The place as events have it; undefined for a name that was cut off. */
function placeOfStored({ name, fd }: NamedDescriptor): string | undefined {
  const key = keyOfStoreName(name)
  return key === undefined ? undefined : placeOf({ key, port: describe(fd).port })
}
