// Listeners that this process got from elsewhere, and that its application has not asked for yet.

import { resolve } from 'node:path'
import {
  findEntry,
  joinedTo,
  type ListenerRequest,
  type ManifestEntry,
} from '../../protocol/manifest.ts'

export interface ReceivedListener {
  readonly entry: ManifestEntry
  readonly fd: number
}

/** Owns the descriptors, until one of the `take` methods returns them. */
export class ReceivedListeners {
  /** By key. */
  readonly #listeners = new Map<string, ReceivedListener>()

  add(entry: ManifestEntry, fd: number): void {
    this.#listeners.set(entry.key, { entry, fd })
  }

  get entries(): ManifestEntry[] {
    return [...this.#listeners.values()].map(({ entry }) => entry)
  }

  has(key: string): boolean {
    return this.#listeners.has(key)
  }

  /** Whether one of them is at this absolute path. */
  hasAt(path: string): boolean {
    return this.entries.some(
      ({ protocol, address }) => protocol === 'unix' && address !== '' && resolve(address) === path,
    )
  }

  /** Takes the listener that a request asks for; undefined if there is none. */
  take(request: ListenerRequest, key: string): ReceivedListener | undefined {
    const found = findEntry(this.entries, request, key)
    return found === undefined ? undefined : this.#takeKey(found.key)
  }

  /** Takes the listeners that have joined the one with this key. */
  takeJoinedTo(key: string): ReceivedListener[] {
    return [...this.#listeners.values()].filter(({ entry }) => {
      if (joinedTo(entry.key) !== key) return false
      return this.#listeners.delete(entry.key)
    })
  }

  /** Takes the listener that came as this descriptor; undefined if none did. */
  takeDescriptor(fd: number): ReceivedListener | undefined {
    const found = [...this.#listeners.values()].find((listener) => listener.fd === fd)
    return found === undefined ? undefined : this.#takeKey(found.entry.key)
  }

  takeAll(): ReceivedListener[] {
    const all = [...this.#listeners.values()]
    this.#listeners.clear()
    return all
  }

  #takeKey(key: string): ReceivedListener | undefined {
    const listener = this.#listeners.get(key)
    this.#listeners.delete(key)
    return listener
  }
}
