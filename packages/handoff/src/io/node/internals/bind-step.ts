// The step of `server.listen()` in which Node.js binds, and its arguments.

import { Server } from 'node:net'

/** @see lib/net.js `setupListenHandle`, `Server.prototype._listen2` (Node 20 to 26) */
export const bindStepName = '_listen2'

/** The method that `listen` calls on the server, to bind and listen, when it has read its arguments. */
export type BindStep = (
  this: Server,
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
) => void

/** The arguments of the step, as options of `listen` with one of `fd`, `port` and `path`. */
export interface BindStepOptions {
  backlog?: number
  fd?: number
  path?: string
  port?: number
  host?: string
  ipv6Only?: boolean
  reusePort?: boolean
}

/** A path that cannot be bound: an error, and no listener, if this Node.js does not call the step. */
const unbindable = '/dev/null/socket'
const probeBacklog = 7

/**
 * Whether `listen` calls the step, with the arguments that {@link readBindStep} reads. Calls `listen` on
 * servers of its own, which are never bound.
 *
 * @see lib/net.js `Server.prototype.listen`, `listenInCluster` (Node 20 to 26)
 */
export function callsBindStep(): boolean {
  const prototype: object = Server.prototype
  if (typeof Reflect.get(prototype, bindStepName) !== 'function') return false
  const places = [{ port: 0 }, { path: unbindable }]
  return places.every((place) => {
    const read = readBindStep(bindStepArguments(place))
    const expected = { backlog: probeBacklog, ...place }
    return JSON.stringify(read) === JSON.stringify(expected)
  })
}

/** Returns the arguments with which `listen` calls the step; none if it does not call it. */
function bindStepArguments(place: BindStepOptions): unknown[] {
  const server = new Server()
  let args: unknown[] = []
  const value = (...given: unknown[]) => {
    args = given
  }
  Object.defineProperty(server, bindStepName, { value, configurable: true })
  try {
    server.listen({ ...place, backlog: probeBacklog, exclusive: true })
  } catch {
    return []
  }
  if (args.length === 0) server.on('error', () => {}).close()
  return args
}

/** `UV_TCP_IPV6ONLY` and, since Node 23.1, `UV_TCP_REUSEPORT` of include/uv.h. */
const ipv6OnlyFlag = 1
const reusePortFlag = 2

/**
 * Reads the arguments of the step.
 *
 * @returns undefined for a listen that is not on a port, a path or a descriptor.
 * @see lib/net.js `listenInCluster`, `setupListenHandle` (Node 20 to 26)
 */
export function readBindStep(args: readonly unknown[]): BindStepOptions | undefined {
  const [address, port, , backlog, fd, flags] = args as Parameters<BindStep>
  const common = typeof backlog === 'number' && backlog > 0 ? { backlog } : {}
  if (typeof fd === 'number' && fd >= 0) return { ...common, fd }
  if (port === -1) return typeof address === 'string' ? { ...common, path: address } : undefined
  if (typeof port !== 'number') return undefined
  const bits = flags ?? 0
  return {
    ...common,
    port,
    ...(typeof address === 'string' && address !== '' && { host: address }),
    ...((bits & ipv6OnlyFlag) !== 0 && { ipv6Only: true }),
    ...((bits & reusePortFlag) !== 0 && { reusePort: true }),
  }
}
