// A listening socket that this process owns, and how it was bound.

import type { ListenerRequest, ManifestEntry } from '../../protocol/manifest.ts'
import { describe } from '../native/descriptors.ts'
import type { ReceivedListener } from './received-listeners.ts'
import { inodeField } from './socket-path.ts'

/** A listening socket of this process, whether or not it accepts from it. */
export interface HeldListener {
  readonly entry: ManifestEntry
  /** Owned by {@link Listeners}. Servers get dups of it. */
  readonly fd: number
  /** The key in the old process's manifest, if the listener came from there. */
  readonly receivedAs?: string
  /** The entry under which the supervisor bound the listener for this process, if it did. */
  readonly reservedAs?: ManifestEntry
  /** How to bind it again after a close. */
  readonly options: BindOptions
  /** Why the kernel refused to bind it. Set if it has no descriptor: see {@link probeListener}. */
  readonly refusal?: unknown
}

/** How to bind a listener that was not received. */
export interface BindOptions {
  backlog?: number
  reusePort?: boolean
  reuseAddr?: boolean
  /** Mode bits of a Unix path. @defaultValue 0777 without the bits of the umask, as Node's. */
  mode?: number
}

/** Makes a listener of one that was received and now was asked for. */
export function heldFromReceived(
  { entry, fd }: ReceivedListener,
  key: string,
  options: BindOptions,
): HeldListener {
  return { entry: { ...entry, key }, fd, receivedAs: entry.key, options }
}

/** Makes a listener of one that the supervisor bound, as if this process had bound it. */
export function heldFromReserved(
  { fd, entry }: ReceivedListener,
  key: string,
  options: BindOptions,
): HeldListener {
  // Its path is another worker's.
  const { inode: _, ...place } = entry
  // A dup of the other worker's own listener listens already.
  const shared = entry.protocol === 'udp' || describe(fd).listening
  const own = { ...place, key, ...(shared && { shared }) }
  return { entry: own, fd, reservedAs: entry, options: { ...options, reusePort: true } }
}

/** Makes a listener of a descriptor that this process has bound. */
export function heldFromBound(
  fd: number,
  key: string,
  { protocol }: ListenerRequest,
  options: BindOptions,
): HeldListener {
  const { address, port, path, ipv6Only } = describe(fd)
  const place = protocol === 'unix' ? { address: path, ...inodeField(path) } : { address }
  return { entry: { key, protocol, ...place, port, ipv6Only }, fd, options }
}
