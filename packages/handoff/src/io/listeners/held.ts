// A listening socket of this process, and how it was bound.

import type { ManifestEntry } from '../../protocol/manifest.ts'

/** A listening socket that this process holds, whether or not it accepts on it. */
export interface Held {
  readonly entry: ManifestEntry
  /** Ours; servers get dups of it. */
  readonly fd: number
  /** The key in the old process's manifest, where it came from there. */
  readonly receivedAs?: string
  /** As the supervisor bound it for this process, where it did. */
  readonly reservedAs?: ManifestEntry
  /** How to bind it again, should it have to be dropped for a while. */
  readonly options: BindOptions
  /**
   * Why the kernel refused to bind, for a stand-in without a descriptor: see
   * `Listeners.standIn`.
   */
  readonly refusal?: unknown
}

/** How to bind where nothing was received. */
export interface BindOptions {
  backlog?: number
  reusePort?: boolean
  reuseAddr?: boolean
  /** Mode bits of a Unix path, umask applied where absent. */
  mode?: number
}
