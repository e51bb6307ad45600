// The words about listeners of the old process on which a program does not listen.

import { joinedTo, type ManifestEntry, placeOf } from '../protocol/manifest.ts'
import { type Dropped, isDropped } from './dropped.ts'

/** Returns where the program has to listen and does not, for people. */
export function missingPlaces(unclaimed: readonly ManifestEntry[], dropped: Dropped): string[] {
  return (
    unclaimed
      .filter((entry) => !isDropped(entry, dropped))
      // A joined listener comes with the one that it has joined.
      .filter(({ key }) => joinedTo(key) === undefined)
      .map(placeOf)
  )
}

/**
 * @param hasOld - whether an old process serves there; else the listeners were kept for this process.
 * @param instead - other ports on which the program listens.
 */
export function missingText(
  places: readonly string[],
  hasOld: boolean,
  instead: readonly number[],
): string {
  const where = places.join(', ')
  const there = hasOld ? 'the old process does' : 'clients wait there since the last process died'
  const text = `this process does not listen on ${where}, and ${there}`
  if (instead.length === 0) return text
  const ports = `${instead.length === 1 ? 'port' : 'ports'} ${instead.join(', ')}`
  const why = hasOld
    ? ': it found its port taken by the old process, if it looks for a free one'
    : ''
  return `${text}; it listens on ${ports} instead${why}`
}
