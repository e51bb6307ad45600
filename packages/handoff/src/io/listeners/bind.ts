// New listeners, bound by us: a server that libuv bound to a Unix path unlinks it at its close.

import { constants } from 'node:os'
import { check, loadNative, systemError } from '../native/addon.ts'

/** Node's default; the kernel cuts it to net.core.somaxconn. @see listen(2) */
const BACKLOG = 511

// The flags of native/binding.cc.
const flags = (o: { ipv6Only?: boolean; reuseAddr?: boolean; reusePort?: boolean }) =>
  (o.ipv6Only ? 1 : 0) | (o.reuseAddr ? 2 : 0) | (o.reusePort ? 4 : 0)

/** As Node's own binding reads it: 32 bits of whatever number a program gives. */
const backlogOf = ({ backlog = BACKLOG }: { backlog?: number }) => backlog | 0

/**
 * Binds a TCP address and listens on it; the caller owns the descriptor.
 *
 * @remarks The address is a literal one. IPv6 is dual stack unless `ipv6Only`, whatever the
 * system's default; when IPv6 is absent the error is `EAFNOSUPPORT`, `EADDRNOTAVAIL` or `EINVAL`.
 * @throws the error that Node's `server.listen` would emit
 * @internal
 */
export function bindTcp(o: {
  address: string
  port: number
  ipv6Only?: boolean
  reusePort?: boolean
  /** @defaultValue 511, as Node's */
  backlog?: number
}): number {
  const { address, port } = o
  // SO_REUSEADDR, as Node: without it a restart would fail while old connections are in TIME_WAIT.
  const options = flags({ ...o, reuseAddr: true })
  return check(loadNative().listenTcp(address, port, options, backlogOf(o)), 'listen', {
    address,
    port,
  })
}

/**
 * Binds at the place of a TCP listener, and does not listen yet; the caller owns the descriptor.
 * What connects is spread over both once both listen.
 *
 * @remarks The listener is made to share its place (SO_REUSEPORT), with processes of this user only.
 * Where the kernel does not spread connections, all but Linux, it is a dup of the listener.
 * @throws a system error: `EADDRINUSE`, `EINVAL` for what is no TCP listener, `EMFILE`
 * @see socket(7)
 * @internal
 */
export function reserveTcp(listener: number): number {
  return check(loadNative().reserveTcp(listener), 'bind')
}

/**
 * Makes a TCP listener refuse clients, in every process that holds it. Its place is free.
 *
 * @returns false where the kernel cannot do that: everywhere but on Linux, and for what is no TCP
 * listener.
 * @see `inet_shutdown` of net/ipv4/af_inet.c
 * @internal
 */
export function stopListening(listener: number): boolean {
  return loadNative().stopListening(listener) === 0
}

/**
 * Binds a UDP address; the caller owns the descriptor.
 *
 * @throws the error that Node's `socket.bind` would emit
 * @internal
 */
export function bindUdp(o: {
  address: string
  port: number
  ipv6Only?: boolean
  reuseAddr?: boolean
  reusePort?: boolean
}): number {
  const { address, port } = o
  return check(loadNative().bindUdp(address, port, flags(o)), 'bind', { address, port })
}

/**
 * Binds a Unix path and listens on it; the caller owns the descriptor, and the path with it: nobody
 * else removes it.
 *
 * @remarks `@name` and `\0name` are abstract on Linux. Nobody can connect before `mode` is in force.
 * @throws the error that Node's `server.listen` would emit; `EADDRINUSE` when anything is at the path
 * @internal
 */
export function bindUnix(o: {
  path: string
  /** @defaultValue 511, as Node's */
  backlog?: number
  /** @defaultValue what the umask leaves of 0777, as Node */
  mode?: number
}): number {
  const fd = loadNative().listenUnix(o.path, o.mode ?? MODE_FROM_UMASK, backlogOf(o))
  if (fd >= 0) return fd
  // libuv says EACCES for a directory that does not exist, and Node's users match on that.
  const errno = fd === -constants.errno.ENOENT ? -constants.errno.EACCES : fd
  throw systemError(errno, 'listen', { address: o.path, port: -1 })
}

const MODE_FROM_UMASK = -1
