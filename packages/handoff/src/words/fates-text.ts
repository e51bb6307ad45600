// Describes what has become of connections.

import {
  type CountedKind,
  countedKinds,
  countsOf,
  type DrainCounts,
  type Fates,
  type KindCounts,
  total,
} from '../terms/fates.ts'
import { plural } from '../terms/plural.ts'

/** `12 http`, `10 http, 2 websocket`. */
export function kindsText(kinds: KindCounts): string {
  return namesOf(kinds)
    .map((kind) => `${kinds[kind]} ${kind}`)
    .join(', ')
}

/** `64 connections handed over (48 http, 16 websocket), 2 finished, none cut`. */
export function drainedText(fates: Fates, counts: DrainCounts = countsOf(fates)): string {
  const parts = partsOf(fates, counts)
  if (parts.length === 0) return 'no connection was open'
  if (counts.forced === 0) parts.push('none cut')
  return parts.join(', ')
}

/** The same for a process that still drains: `…, 2 left`. Empty if it had no connection. */
export function drainingText(fates: Fates, left: number): string {
  const parts = partsOf(fates, countsOf(fates))
  if (left > 0) parts.push(parts.length > 0 ? `${left} left` : `${plural(left, 'connection')} left`)
  return parts.join(', ')
}

/** @param counts - of an older release, which reports no kinds. */
function partsOf(fates: Fates, counts: DrainCounts): string[] {
  const groups = [
    { verb: 'handed over', count: counts.handedOver, kinds: fates.handedOver },
    { verb: 'taken back', count: total(fates.takenBack), kinds: fates.takenBack },
    { verb: 'finished', count: counts.drained, kinds: {} },
    { verb: 'closed', count: counts.closed, kinds: fates.closed },
    { verb: 'cut', count: counts.forced, kinds: fates.forced },
  ]
  return groups
    .filter(({ count }) => count > 0)
    .map(({ verb, count, kinds }, index) => {
      const many = index === 0 ? plural(count, 'connection') : String(count)
      return `${many} ${verb}${inBrackets(kinds)}`
    })
}

/** ` (http)` if all are of one kind, else ` (48 http, 16 websocket)`. */
function inBrackets(kinds: KindCounts): string {
  const names = namesOf(kinds)
  if (names.length === 0) return ''
  return names.length === 1 ? ` (${names[0]})` : ` (${kindsText(kinds)})`
}

/** In the order of `countedKinds`. Kinds of a newer release come last. */
function namesOf(kinds: KindCounts): CountedKind[] {
  const names = Object.keys(kinds) as CountedKind[]
  const known = countedKinds.filter((kind) => names.includes(kind))
  return [...known, ...names.filter((name) => !known.includes(name))]
}
