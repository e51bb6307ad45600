// Finds listeners among the descriptors that this process inherited: from socket activation, from
// systemd's descriptor store, or from a supervisor that kept them when the previous process died.

import { keyOf, type ListenerProtocol, type ManifestEntry } from '../../protocol/manifest.ts'
import { isStoreName, keyOfStoreName } from '../../protocol/store-names.ts'
import { statOfDescriptor } from '../files/file-stat.ts'
import { close, type DescriptorFacts, describe } from '../native/descriptors.ts'
import type { NamedDescriptor } from './inherited-variables.ts'
import { inodeField } from './socket-path.ts'

export interface InheritedListener {
  readonly entry: ManifestEntry
  /** Owned by the holder of this object. */
  readonly fd: number
}

/** One socket, with each of the names that it came with. */
interface Socket {
  readonly fd: number
  readonly facts: DescriptorFacts
  readonly protocol: ListenerProtocol
  readonly names: string[]
}

/**
 * Finds the listeners among the inherited descriptors by asking the kernel. Leaves the others open: the
 * application itself may have stored them.
 *
 * @remarks They are close-on-exec already: at its start Node.js sets that for all inherited descriptors
 * (uv_disable_stdio_inheritance).
 * @param warn - called for each descriptor that is not a listener.
 * @internal
 */
export function inheritedListeners(
  inherited: readonly NamedDescriptor[],
  warn: (message: string) => void,
): InheritedListener[] {
  return entriesOf(inherited, listenerProtocolOf, warn)
}

/**
 * Does the same with descriptors that were bound for this process, and may not listen yet.
 *
 * @internal
 */
export function reservedListeners(
  reserved: readonly NamedDescriptor[],
  warn: (message: string) => void,
): InheritedListener[] {
  return entriesOf(reserved, (facts) => listenerProtocolOf({ ...facts, listening: true }), warn)
}

function entriesOf(
  inherited: readonly NamedDescriptor[],
  protocolOf: (facts: DescriptorFacts) => ListenerProtocol | undefined,
  warn: (message: string) => void,
): InheritedListener[] {
  const sockets = new Map<bigint, Socket>()
  for (const { fd, name } of inherited) {
    const facts = factsOf(fd)
    const protocol = facts === undefined ? undefined : protocolOf(facts)
    if (facts === undefined || protocol === undefined) {
      warn(`the inherited descriptor ${fd}${name && ` (${name})`} is not a listener: it stays open`)
      continue
    }
    const { ino } = statOfDescriptor(fd)
    const twin = sockets.get(ino)
    if (twin === undefined) sockets.set(ino, { fd, facts, protocol, names: [name] })
    else if (twin.fd !== fd) {
      // The same socket from a socket unit and from the store: one descriptor is enough.
      twin.names.push(name)
      close(fd)
    }
  }
  const keys = new Set<string>()
  return [...sockets.values()].map((socket) => {
    const entry = entryOf(socket, keys)
    keys.add(entry.key)
    return { entry, fd: socket.fd }
  })
}

/** Returns undefined if the descriptor is not open. */
function factsOf(fd: number): DescriptorFacts | undefined {
  try {
    return describe(fd)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return undefined
    throw error
  }
}

/** Returns the protocol of a listener; undefined for a descriptor that no server can use. */
export function listenerProtocolOf({
  family,
  type,
  listening,
}: DescriptorFacts): ListenerProtocol | undefined {
  if (family === 'other') return undefined
  if (type === 'stream' && listening) return family === 'unix' ? 'unix' : 'tcp'
  return type === 'dgram' && family !== 'unix' ? 'udp' : undefined
}

function entryOf({ facts, protocol, names }: Socket, taken: ReadonlySet<string>): ManifestEntry {
  const isPath = protocol === 'unix'
  const { ipv6Only, port } = facts
  const address = isPath ? facts.path : facts.address
  const [stored] = names.map(keyOfStoreName).filter((key) => key !== undefined)
  const first = stored ?? keyOf({ protocol, address, port, ipv6Only, name: '' })
  let key = first
  for (let count = 2; taken.has(key); count++) key = `${first}#${count}`
  // The path of a socket unit is the unit's: systemd listens there when this process has ended.
  const isOurs = names.every(isStoreName)
  const inode = isPath && isOurs ? inodeField(address) : {}
  return { key, protocol, address, port, ipv6Only, ...inode, ...(isOurs ? {} : { shared: true }) }
}
