// What becomes of connections when their process is replaced or stopped, and how that is counted.

/**
 * What a connection is counted as. `http`: HTTP/1.1 in clear; `websocket` and `http2`: in clear or
 * over TLS; `tls`: HTTPS/1.1 and any other TLS; `raw`: of a `net.Server`; `other`: upgraded to
 * something that is no WebSocket.
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
 * `handedOver`: the new process has it; `drained`: it ended here, of its own or its client's accord;
 * `closed`: it was told to leave (1012, GOAWAY, `Connection: close`), or closed between two requests
 * when its process stopped; `forced`: it was cut at the drain deadline; `takenBack`: handed over,
 * left at rest there, and served here again.
 */
export type Fate = 'handedOver' | 'drained' | 'closed' | 'forced' | 'takenBack'

const fateNames: readonly Fate[] = ['handedOver', 'drained', 'closed', 'forced', 'takenBack']

/** Connections by kind; a kind that is absent has none. */
export type KindCounts = Readonly<Partial<Record<CountedKind, number>>>

/** Connections by what became of them, and by kind. */
export type Fates = Readonly<Record<Fate, KindCounts>>

/** How the connections of a drained process ended. */
export interface DrainCounts {
  /** Connections that finished here. */
  drained: number
  /** Connections that went to the new process. */
  handedOver: number
  /** Connections that were told to leave, or closed between two requests. */
  closed: number
  /** Connections closed when the drain deadline ran out. */
  forced: number
}

export const noFates: Fates = {
  handedOver: {},
  drained: {},
  closed: {},
  forced: {},
  takenBack: {},
}

/** Connections of all kinds together. */
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

/** A kind may be any word, such as `constructor`: only what stands there itself counts. */
function countOf(kinds: KindCounts, kind: CountedKind): number {
  return Object.hasOwn(kinds, kind) ? (kinds[kind] ?? 0) : 0
}

export function addFates(left: Fates, right: Fates, sign: 1 | -1 = 1): Fates {
  return mapFates((fate) => addKinds(left[fate], right[fate], sign))
}

/** What has come since `before` was read. */
export function fatesSince(before: Fates, now: Fates): Fates {
  return addFates(now, before, -1)
}

/** With a number for every kind, so that none is missing where they are exported. */
export function everyKind(kinds: KindCounts): Record<CountedKind, number> {
  const entries = countedKinds.map((kind) => [kind, kinds[kind] ?? 0])
  return Object.fromEntries(entries) as Record<CountedKind, number>
}

export function mapFates<T>(of: (fate: Fate) => T): Record<Fate, T> {
  return Object.fromEntries(fateNames.map((fate) => [fate, of(fate)])) as Record<Fate, T>
}

/** How many connections each fate had in a drain. */
export function countsOf({ drained, handedOver, closed, forced }: Fates): DrainCounts {
  return {
    drained: total(drained),
    handedOver: total(handedOver),
    closed: total(closed),
    forced: total(forced),
  }
}
