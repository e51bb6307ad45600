// Counts how connections end or move when their process is replaced or stopped.

/**
 * The kind under which a connection is counted. `http`: HTTP/1.1 without TLS; `websocket` and
 * `http2`: with or without TLS; `tls`: HTTPS/1.1 and any other protocol over TLS; `raw`: of a
 * `net.Server`; `other`: upgraded to a protocol that is not WebSocket.
 */
export type CountedKind = 'http' | 'websocket' | 'raw' | 'tls' | 'http2' | 'other'

export const countedKinds: readonly CountedKind[] = [
  'http',
  'websocket',
  'raw',
  'tls',
  'http2',
  'other',
]

/**
 * What became of a connection. `handedOver`: the new process has it. `drained`: it ended here by
 * itself. `closed`: this process asked its client to leave (1012, GOAWAY, `Connection: close`), or
 * closed it between two requests when the process stopped. `forced`: it was cut at the drain
 * deadline. `takenBack`: it was handed over, and is served here again after the new process died.
 */
export type Fate = 'handedOver' | 'drained' | 'closed' | 'forced' | 'takenBack'

const fateNames: readonly Fate[] = ['handedOver', 'drained', 'closed', 'forced', 'takenBack']

/** Numbers of connections by kind. An absent kind has none. */
export type KindCounts = Readonly<Partial<Record<CountedKind, number>>>

/** Numbers of connections by fate and kind. */
export type Fates = Readonly<Record<Fate, KindCounts>>

/** How the connections of a drained process ended. */
export interface DrainCounts {
  /** Connections that finished here. */
  drained: number
  /** Connections that moved to the new process. */
  handedOver: number
  /** Connections whose clients were asked to leave, or that were closed between two requests. */
  closed: number
  /** Connections that were cut at the drain deadline. */
  forced: number
}

export const noFates: Fates = {
  handedOver: {},
  drained: {},
  closed: {},
  forced: {},
  takenBack: {},
}

/** Returns the number of connections of all kinds. */
export function total(kinds: KindCounts): number {
  return Object.values(kinds).reduce((sum, count) => sum + count, 0)
}

export function addKinds(left: KindCounts, right: KindCounts, sign: 1 | -1 = 1): KindCounts {
  const sum: Partial<Record<CountedKind, number>> = {}
  for (const kind of new Set(Object.keys({ ...left, ...right }) as CountedKind[])) {
    const count = countOf(left, kind) + sign * countOf(right, kind)
    if (count > 0) sum[kind] = count
  }
  return sum
}

/** A kind from outside may be any word, such as `constructor`, so only own properties count. */
function countOf(kinds: KindCounts, kind: CountedKind): number {
  return Object.hasOwn(kinds, kind) ? (kinds[kind] ?? 0) : 0
}

export function addFates(left: Fates, right: Fates, sign: 1 | -1 = 1): Fates {
  return mapFates((fate) => addKinds(left[fate], right[fate], sign))
}

/** Returns the difference between two readings. */
export function fatesSince(before: Fates, now: Fates): Fates {
  return addFates(now, before, -1)
}

/** Returns a number for every kind, including 0. */
export function everyKind(kinds: KindCounts): Record<CountedKind, number> {
  const entries = countedKinds.map((kind) => [kind, kinds[kind] ?? 0])
  return Object.fromEntries(entries) as Record<CountedKind, number>
}

export function mapFates<T>(of: (fate: Fate) => T): Record<Fate, T> {
  return Object.fromEntries(fateNames.map((fate) => [fate, of(fate)])) as Record<Fate, T>
}

/** Returns the totals of a drain. */
export function countsOf({ drained, handedOver, closed, forced }: Fates): DrainCounts {
  return {
    drained: total(drained),
    handedOver: total(handedOver),
    closed: total(closed),
    forced: total(forced),
  }
}
