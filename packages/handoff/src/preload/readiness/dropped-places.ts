// Knows the listeners of the old process that the operator drops (HANDOFF_DROP).

import { type ManifestEntry, placeOf } from '../../protocol/manifest.ts'

/** Ports, Unix paths, or addresses as in events and `status`. */
export type DroppedPlaces = ReadonlySet<string>

/** Returns whether the new process need not listen there. */
export function isDropped(entry: ManifestEntry, dropped: DroppedPlaces): boolean {
  const { protocol, address, port } = entry
  const short = protocol === 'unix' ? address : String(port)
  return dropped.has(short) || dropped.has(placeOf(entry))
}
