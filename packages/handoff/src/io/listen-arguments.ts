// The many forms of server.listen(), as one object.

import type { ListenOptions as NetListenOptions } from 'node:net'

/** Options of net.Server.listen, or an open descriptor. */
export interface ListenOptions extends NetListenOptions {
  /** A listening descriptor that this process inherited; it stays the caller's. */
  fd?: number
  reusePort?: boolean
  /**
   * Tells listeners on port 0 apart, so that each finds its own port again after a handoff.
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
 * Reads the arguments of `server.listen(...)` as Node does.
 *
 * @returns undefined for what is not ours: a handle object, or arguments that Node would refuse;
 * pass those on to Node.
 * @see https://nodejs.org/api/net.html#serverlisten
 */
export function readListenArguments(args: readonly unknown[]): ListenCall | undefined {
  const last = args.at(-1)
  const callback = typeof last === 'function' ? (last as () => void) : undefined
  const [first, second, third] = callback === undefined ? args : args.slice(0, -1)
  if (first === undefined || first === null) return { options: { port: 0 }, callback }
  if (typeof first === 'object') {
    const options = first as ListenOptions & { _handle?: unknown; handle?: unknown }
    if ('_handle' in options || 'handle' in options) return undefined
    const hasPlace =
      options.port != null || typeof options.path === 'string' || typeof options.fd === 'number'
    // Node listens anywhere for listen({ port: undefined }); without a port at all it throws.
    if (!hasPlace)
      return 'port' in options ? { options: { ...options, port: 0 }, callback } : undefined
    if (options.port == null) return { options, callback }
    const port = portOf(options.port)
    return port === undefined ? undefined : { options: { ...options, port }, callback }
  }
  // As in Node, a number or its decimal text is a port, other text a path.
  const port = portOf(first)
  if (port !== undefined) {
    const options: ListenOptions = { port }
    if (typeof second === 'string') options.host = second
    const backlog = [second, third].find((value) => typeof value === 'number')
    if (typeof backlog === 'number') options.backlog = backlog
    return { options, callback }
  }
  if (typeof first !== 'string') return undefined
  const options: ListenOptions = { path: first }
  if (typeof second === 'number') options.backlog = second
  return { options, callback }
}

function portOf(value: unknown): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const port = Number(value)
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : undefined
}
