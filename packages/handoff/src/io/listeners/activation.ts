// Listeners that this process was started with: of socket activation, of systemd's descriptor store,
// of a supervisor that kept them when the process before died.

import { keyOf, type ListenerProtocol, type ManifestEntry } from '../../protocol/manifest.ts'
import { isStoreName, keyOfStoreName } from '../../protocol/store-names.ts'
import { statOfDescriptor } from '../files/file-stat.ts'
import { close, type DescriptorFacts, describe } from '../native/descriptors.ts'
import { inodeField } from './own-path.ts'

/** SD_LISTEN_FDS_START of sd_listen_fds(3). */
const firstInherited = 3
/** The kernel's limit on the descriptors of a process: fs.nr_open of proc_sys_fs(5), its default. */
const mostInherited = 2 ** 20

/**
 * What a supervisor says of the descriptors that a process inherits: `3=NAME:4=NAME`.
 *
 * @remarks Beside LISTEN_FDS because that counts only with LISTEN_PID, which nobody who spawns a
 * process by Node can know before it runs.
 */
export const inheritedVariable = 'HANDOFF_LISTENERS'

/**
 * The same for descriptors at places of other workers, which the supervisor has bound, or shared
 * out, for this one.
 */
export const reservedVariable = 'HANDOFF_RESERVED'

/** A descriptor that was inherited, under the name that it was given. */
export interface Named {
  readonly fd: number
  readonly name: string
}

export interface InheritedListener {
  readonly entry: ManifestEntry
  /** Whoever takes the listener owns it. */
  readonly fd: number
}

/**
 * Reads which descriptors were inherited, and takes the variables out of the environment: they are
 * true once, and for this process alone.
 *
 * @see sd_listen_fds(3)
 */
export function takeInherited(env: NodeJS.ProcessEnv, pid: number): Named[] {
  const own = takePairs(env, inheritedVariable)
  if (env.LISTEN_PID !== String(pid)) return own
  const count = Number(env.LISTEN_FDS)
  const names = (env.LISTEN_FDNAMES ?? '').split(':')
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  if (!Number.isInteger(count) || count < 0 || count > mostInherited) return own
  const activated = Array.from({ length: count }, (_, index) => ({
    fd: firstInherited + index,
    name: names[index] ?? '',
  }))
  return [...own, ...activated]
}

/** Reads which listeners were bound for this process, and takes the variable out of the environment. */
export function takeReserved(env: NodeJS.ProcessEnv): Named[] {
  return takePairs(env, reservedVariable)
}

/**
 * The other way round, for a process to be started: its descriptors in this order, from the first.
 *
 * @param before - how many others it gets in front of these.
 */
export function inheritedText(names: readonly string[], before = 0): string {
  return names.map((name, index) => `${firstInherited + before + index}=${name}`).join(':')
}

/** What a process inherits, as it is told; what is not there has no variable. */
export function inheritedVariables(
  kept: readonly Named[],
  reserved: readonly Named[],
): Record<string, string> {
  const text = (named: readonly Named[], before: number) =>
    inheritedText(
      named.map(({ name }) => name),
      before,
    )
  return {
    ...(kept.length > 0 && { [inheritedVariable]: text(kept, 0) }),
    ...(reserved.length > 0 && { [reservedVariable]: text(reserved, kept.length) }),
  }
}

/** One socket, under each of the names that it came with. */
interface Socket {
  readonly fd: number
  readonly facts: DescriptorFacts
  readonly protocol: ListenerProtocol
  readonly names: string[]
}

/**
 * Finds the listeners among what was inherited, each by the kernel's own word. What else there is
 * stays open: it is somebody else's, such as a descriptor that the application itself has stored.
 *
 * @remarks They are close-on-exec already: Node sets that at its start for all that it inherits
 * (uv_disable_stdio_inheritance).
 * @param warn - told of what is no listener.
 * @internal
 */
export function inheritedListeners(
  inherited: readonly Named[],
  warn: (message: string) => void,
): InheritedListener[] {
  return entriesOf(inherited, listenerProtocolOf, warn)
}

/**
 * The same for what was bound for this process: nobody may be listening there yet.
 *
 * @internal
 */
export function reservedListeners(
  reserved: readonly Named[],
  warn: (message: string) => void,
): InheritedListener[] {
  return entriesOf(reserved, (facts) => listenerProtocolOf({ ...facts, listening: true }), warn)
}

function entriesOf(
  inherited: readonly Named[],
  protocolOf: (facts: DescriptorFacts) => ListenerProtocol | undefined,
  warn: (message: string) => void,
): InheritedListener[] {
  const sockets = new Map<bigint, Socket>()
  for (const { fd, name } of inherited) {
    const facts = factsOf(fd)
    const protocol = facts === undefined ? undefined : protocolOf(facts)
    if (facts === undefined || protocol === undefined) {
      warn(`the inherited descriptor ${fd}${name && ` (${name})`} is no listener: it is left alone`)
      continue
    }
    const { ino } = statOfDescriptor(fd)
    const twin = sockets.get(ino)
    if (twin === undefined) sockets.set(ino, { fd, facts, protocol, names: [name] })
    else if (twin.fd !== fd) {
      // From a socket unit and from the store: one of them is enough.
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

/** Undefined where nothing is open under this number. */
function factsOf(fd: number): DescriptorFacts | undefined {
  try {
    return describe(fd)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return undefined
    throw error
  }
}

/** Undefined for what is no listener of ours: a process could not use it. */
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
  // The path of a socket unit is that unit's: systemd listens there when we have gone.
  const isOurs = names.every(isStoreName)
  const inode = isPath && isOurs ? inodeField(address) : {}
  return { key, protocol, address, port, ipv6Only, ...inode, ...(isOurs ? {} : { shared: true }) }
}

function takePairs(env: NodeJS.ProcessEnv, variable: string): Named[] {
  const pairs = (env[variable] ?? '').split(':').flatMap(readPair)
  delete env[variable]
  return pairs
}

function readPair(pair: string): Named[] {
  const [, fd, name = ''] = /^(\d+)=(.*)$/.exec(pair) ?? []
  return fd === undefined ? [] : [{ fd: Number(fd), name }]
}
