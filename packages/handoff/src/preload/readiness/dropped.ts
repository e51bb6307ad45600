// Which listeners of the old process the operator gives up.

import { type ManifestEntry, placeOf } from '../../protocol/manifest.ts'

/** Ports, Unix paths, or places as events and `status` show them. */
export type Dropped = ReadonlySet<string>

/** Whether the new process need not listen there. */
export function isDropped(entry: ManifestEntry, dropped: Dropped): boolean {
  const { protocol, address, port } = entry
  const short = protocol === 'unix' ? address : String(port)
  return dropped.has(short) || dropped.has(placeOf(entry))
}
