// Finds or binds the listener for the options of a listen.

import type { BindOptions, HeldListener } from '../../io/listeners/held-listener.ts'
import type { Listeners } from '../../io/listeners/listeners.ts'
import { probeListener } from '../../io/listeners/probe-listener.ts'
import { type DescriptorFacts, describe, dup } from '../../io/native/descriptors.ts'
import { abstractName } from '../../io/node/internals/server-handle.ts'
import type { ListenOptions } from '../../io/node/listen-arguments.ts'
import type { ListenerRequest } from '../../protocol/manifest.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { Adoption } from './adoption.ts'

/**
 * Claims a listener that was received, inherited or reserved, or else binds one.
 *
 * @param address - literal, or undefined for every address.
 * @throws the system's error.
 */
export function claimListener(
  address: string | undefined,
  options: ListenOptions,
  backlog: number,
  { listeners, nextName, mayProbe }: Adoption,
): HeldListener {
  const bindOptions: BindOptions = { backlog }
  if (options.reusePort !== undefined) bindOptions.reusePort = options.reusePort
  if (options.fd !== undefined) return inherit(options.fd, listeners)
  if (typeof options.path === 'string') {
    const mode = pathMode(options)
    if (mode !== undefined) bindOptions.mode = mode
    const address = socketPath(options.path)
    const path = { protocol: 'unix' as const, address, port: 0, ipv6Only: false }
    return listeners.claim({ ...path, name: '' }, bindOptions)
  }
  const port = options.port ?? 0
  const request: ListenerRequest = {
    protocol: 'tcp',
    ...(address === undefined ? {} : { address }),
    port,
    ipv6Only: options.ipv6Only ?? false,
    name: port === 0 ? (options.name ?? nextName()) : '',
  }
  try {
    return listeners.claim(request, bindOptions)
  } catch (error) {
    const probe = mayProbe ? probeListener(listeners.unclaimed, request, error) : undefined
    if (probe === undefined) throw error
    return probe
  }
}

/** Returns the listener that this process was started with as this descriptor, or a dup of the application's own. */
function inherit(fd: number, listeners: Listeners): HeldListener {
  const inherited = listeners.claimDescriptor(fd)
  if (inherited !== undefined) return inherited
  const facts = describe(fd)
  if (facts.type !== 'stream' || facts.family === 'other' || !facts.listening) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      `cannot listen on descriptor ${fd}: it is not a listening stream socket`,
    )
  }
  return listeners.hold(requestFor(facts), dup(fd))
}

function requestFor(facts: DescriptorFacts): ListenerRequest {
  const { family, address, port, path, ipv6Only } = facts
  if (family === 'unix') {
    return { protocol: 'unix', address: path, port: 0, ipv6Only: false, name: '' }
  }
  return { protocol: 'tcp', address, port, ipv6Only, name: '' }
}

/**
 * The path as the manifest and the native core have it: `@name` is abstract there. To Node.js that
 * is a file in the working directory, and `\\0name` is abstract.
 */
function socketPath(path: string): string {
  if (path.startsWith('@')) return `./${path}`
  return path.startsWith('\0') ? `@${abstractName(path.slice(1))}` : path
}

/** Node's readableAll and writableAll, as the mode that the path is bound with. */
function pathMode({ readableAll, writableAll }: ListenOptions): number | undefined {
  if (!readableAll && !writableAll) return undefined
  return 0o700 | (readableAll ? 0o444 : 0) | (writableAll ? 0o222 : 0)
}
