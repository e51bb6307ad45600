// Reads the many forms of server.listen() into one object.

import type { ListenOptions as NetListenOptions } from 'node:net'

/** Options of net.Server.listen, or an open descriptor. */
export interface ListenOptions extends NetListenOptions {
  /** A listening descriptor that this process inherited; it stays the caller's. */
  fd?: number
  reusePort?: boolean
  /**
   * Distinguishes listeners on port 0: each gets its own port again after a handoff.
   *
   * @defaultValue the order of the calls: `1`, `2`, …
   */
  name?: string
}

export interface ListenCall {
  options: ListenOptions
  callback: (() => void) | undefined
}

/**
 * Reads the arguments of `server.listen(...)` as Node.js does, in the same order of checks.
 *
 * @returns options with exactly one of `fd`, `port` and `path`; undefined for a call that Node.js has to
 * handle: with a handle object, or arguments that Node.js refuses.
 * @see https://nodejs.org/api/net.html#serverlisten and `Server.prototype.listen` in lib/net.js
 */
export function readListenArguments(args: readonly unknown[]): ListenCall | undefined {
  const given = normalize(args)
  if ('_handle' in given || 'handle' in given) return undefined
  const place = placeOf(given, args)
  if (place === undefined) return undefined
  const options: ListenOptions = { ...pick(given), ...place }
  const backlog = given.backlog || numberOf(args[1]) || numberOf(args[2])
  if (backlog) options.backlog = backlog
  const last = args.at(-1)
  return { options, callback: typeof last === 'function' ? (last as () => void) : undefined }
}

type Given = Omit<ListenOptions, 'port'> & { port?: unknown; _handle?: unknown; handle?: unknown }

/** Options beside the address. */
const names = [
  'host',
  'backlog',
  'exclusive',
  'ipv6Only',
  'reusePort',
  'readableAll',
  'writableAll',
  'signal',
  'name',
] as const

/** Reads them by name, as Node.js does: they may be inherited, or getters. */
function pick(given: Given): ListenOptions {
  const read = names.map((name) => [name, given[name]] as const)
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

function normalize([first, second]: readonly unknown[]): Given {
  if (typeof first === 'object' && first !== null) return first
  if (isPath(first)) return { path: first }
  return { port: first, ...(typeof second === 'string' ? { host: second } : {}) }
}

function placeOf(
  given: Given,
  args: readonly unknown[],
): Pick<ListenOptions, 'fd' | 'port' | 'path'> | undefined {
  const { fd, port, path } = given
  if (typeof fd === 'number' && fd >= 0) return { fd }
  // Any port for listen(callback) and listen({ port: undefined }), but not for listen({}).
  const omitted = typeof args[0] === 'function' || (port === undefined && 'port' in given)
  if (omitted || port === null) return { port: 0 }
  if (typeof port === 'number' || typeof port === 'string') {
    const number = portOf(port)
    return number === undefined ? undefined : { port: number }
  }
  return isPath(path) ? { path } : undefined
}

/** Whether a value is a path: a text that is not a number. */
function isPath(value: unknown): value is string {
  return typeof value === 'string' && numberOf(value) === undefined
}

function numberOf(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const number = Number(value)
  return number >= 0 ? number : undefined
}

function portOf(value: number | string): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined
  const port = Number(value)
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : undefined
}
