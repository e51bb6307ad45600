// Listener keys, the entries of a manifest, and the entry that answers a request.

import { type Check, flag, object, oneOf, optional, text, upTo } from '../terms/checks.ts'

export type ListenerProtocol = 'tcp' | 'udp' | 'unix'

/** Where a server asks to listen. */
export interface ListenerRequest {
  protocol: ListenerProtocol
  /** Literal address, or a path; absent = every address (Node's listen without a host). */
  address?: string
  /** 0 = any free port: `name` then identifies the listener. Always 0 for a path. */
  port: number
  ipv6Only: boolean
  /** Distinguishes listeners on port 0. */
  name: string
}

/**
 * One listener of a manifest: the key that was asked for, and where the kernel put it.
 */
export interface ManifestEntry {
  /** The key of the old process's request. The new process finds the entry by the same request. */
  key: string
  protocol: ListenerProtocol
  /** Address or path, as getsockname(2) returns it. */
  address: string
  port: number
  ipv6Only: boolean
  /** Device and inode of a Unix path at its bind, as decimals; the guard of its unlink. */
  inode?: string
  /** Whether other processes accept from it too: systemd, or another worker. It must not be shut for them. */
  shared?: boolean
}

/** The key of the rendezvous socket's own entry, which no request can have. */
export const rendezvousKey = 'rendezvous'

/** Returns the key of a request, which is also the name of the listener in logs: `tcp:127.0.0.1:3000`, `unix:/run/app.sock`. */
export function keyOf(request: ListenerRequest): string {
  const { protocol, address, port, ipv6Only, name } = request
  if (protocol === 'unix') return `unix:${address}`
  const host = address === undefined ? '*' : address.includes(':') ? `[${address}]` : address
  const only = ipv6Only ? '?ipv6Only' : ''
  return `${protocol}:${host}:${port}${only}${port === 0 ? `#${name}` : ''}`
}

/**
 * Returns the key of a listener that joined another one of the same process at the same place: it came
 * from a surplus worker.
 *
 * @param number - from 2.
 */
export function joinedKey(key: string, number: number): string {
  return `${number}@${key}`
}

/** Returns the key of the listener that this one has joined; undefined if it joined none. */
export function joinedTo(key: string): string | undefined {
  return /^\d+@(.*)$/s.exec(key)?.[1]
}

/** Returns where a listener is, for messages: its key, with the real port in the place of port 0. */
export function placeOf({ key, port }: Pick<ManifestEntry, 'key' | 'port'>): string {
  if (key.startsWith('unix:')) return key
  return key.replace(/:0(\?ipv6Only)?#.*$/s, (_, only = '') => `:${port}${only}`)
}

/**
 * Returns the entry that answers a request: the one of the same key, or else one at the same place.
 * The old process may have asked for port 0 or every address, and the new one for that very place.
 */
export function findEntry(
  entries: Iterable<ManifestEntry>,
  request: ListenerRequest,
  key = keyOf(request),
): ManifestEntry | undefined {
  const all = [...entries].filter(
    (entry) => entry.key !== rendezvousKey && joinedTo(entry.key) === undefined,
  )
  return all.find((entry) => entry.key === key) ?? all.find((entry) => samePlace(entry, request))
}

function samePlace(entry: ManifestEntry, request: ListenerRequest): boolean {
  if (entry.protocol !== request.protocol || entry.port !== request.port) return false
  if (request.protocol === 'unix') return entry.address === request.address
  if (request.port === 0) return false
  if (request.address === undefined) {
    return (entry.address === '::' && !entry.ipv6Only) || entry.address === '0.0.0.0'
  }
  return entry.address === request.address && entry.ipv6Only === request.ipv6Only
}

/**
 * Whether a TCP listener at the place of the entry keeps another one from being bound as requested.
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html: `::` takes IPv4 as well, unless it is
 * IPv6 alone
 */
export function overlaps(entry: ManifestEntry, request: ListenerRequest): boolean {
  if (entry.protocol !== 'tcp' || request.protocol !== 'tcp') return false
  if (entry.port !== request.port || request.port === 0) return false
  const { address = '::', ipv6Only } = request
  if (entry.address === address) return true
  return covers(entry, address) || covers({ address, ipv6Only }, entry.address)
}

function covers(
  { address, ipv6Only }: Pick<ManifestEntry, 'address' | 'ipv6Only'>,
  other: string,
): boolean {
  const isIpv6 = other.includes(':')
  return (address === '0.0.0.0' && !isIpv6) || (address === '::' && (isIpv6 || !ipv6Only))
}

const entryFields = object({
  key: text,
  protocol: oneOf('tcp', 'udp', 'unix'),
  address: text,
  port: upTo(65_535),
  ipv6Only: flag,
  inode: optional(text),
  shared: optional(flag),
})

/** Checks one entry that a peer sent. */
export const manifestEntry: Check<ManifestEntry> = (value, name) => {
  const { shared, ...entry } = entryFields(value, name)
  return shared === true ? { ...entry, shared } : entry
}

/** Returns the request for the place of an entry. */
export function requestOf({ protocol, address, port, ipv6Only }: ManifestEntry): ListenerRequest {
  return { protocol, address, port, ipv6Only, name: '' }
}
