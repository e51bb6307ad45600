// Listeners that the application has closed while the old process may still hold them.

import { findEntry, joinedTo, type ListenerRequest } from '../../protocol/manifest.ts'
import { describe } from '../native/descriptors.ts'
import { stopListening } from './bind-socket.ts'
import type { HeldListener } from './held-listener.ts'
import type { KeptPaths } from './kept-paths.ts'
import { inodeAt, unlinkOwn } from './socket-path.ts'

/**
 * @remarks As long as another process holds such a listener, its address is not free. So it is kept, its
 * clients are refused, and the next request for its address gets it again.
 */
export class VacatedListeners {
  readonly #listeners = new Set<HeldListener>()
  readonly #paths: KeptPaths

  constructor(paths: KeptPaths) {
    this.#paths = paths
  }

  /** Owns the listener, and refuses its clients unless other processes serve at the same one. */
  add(held: HeldListener): void {
    const { entry, fd } = held
    this.#listeners.add(held)
    if (entry.shared) return
    if (entry.protocol === 'tcp') stopListening(fd)
    if (entry.protocol !== 'unix' || this.#paths.isShared(entry.address)) return
    unlinkOwn(entry)
    this.#paths.release(entry.address)
  }

  /** Takes the listener that a request asks for; undefined if there is none. */
  take(request: ListenerRequest, key: string): HeldListener | undefined {
    const all = [...this.#listeners]
    const entry = findEntry(
      all.map((held) => held.entry),
      request,
      key,
    )
    const found = all.find((held) => held.entry === entry)
    if (found !== undefined) this.#listeners.delete(found)
    return found
  }

  /** Takes the listeners that have joined the one with this key. */
  takeJoinedTo(key: string): HeldListener[] {
    return [...this.#listeners].filter((held) => {
      if (joinedTo(held.entry.key) !== key) return false
      return this.#listeners.delete(held)
    })
  }

  /** Takes all: no other process holds them any more. Their paths are not kept any longer. */
  takeAll(): HeldListener[] {
    const all = [...this.#listeners]
    this.#listeners.clear()
    for (const { entry } of all) {
      const { protocol, address, inode } = entry
      if (protocol !== 'unix' || inode === undefined || this.#paths.isShared(address)) continue
      this.#paths.forget(address, inode)
    }
    return all
  }
}

/** Whether clients reach a vacated listener still, or again. */
export function isReachable({ entry: { protocol, address, inode }, fd }: HeldListener): boolean {
  if (protocol === 'tcp') return describe(fd).listening
  return protocol === 'udp' || inode === undefined || inodeAt(address) === inode
}
