// Binds new listeners natively: libuv would unlink the Unix path of a listener when it closes it.

import { constants } from 'node:os'
import { check, loadNative, systemError } from '../native/addon.ts'

/** Node's default. The kernel reduces it to net.core.somaxconn. @see listen(2) */
const BACKLOG = 511

// The flags of native/binding/listener.cc.
const flags = (o: { ipv6Only?: boolean; reuseAddr?: boolean; reusePort?: boolean }) =>
  (o.ipv6Only ? 1 : 0) | (o.reuseAddr ? 2 : 0) | (o.reusePort ? 4 : 0)

/** As Node's own binding: 32 bits of any number that a program passes. */
const backlogOf = ({ backlog = BACKLOG }: { backlog?: number }) => backlog | 0

/**
 * Binds a TCP address and listens on it. The caller owns the descriptor.
 *
 * @remarks The address is a literal one. IPv6 is dual stack unless `ipv6Only`, whatever the system's
 * default. Without IPv6 the error is `EAFNOSUPPORT`, `EADDRNOTAVAIL` or `EINVAL`.
 * @throws the error that Node's `server.listen` would emit.
 * @internal
 */
export function bindTcp(o: {
  address: string
  port: number
  ipv6Only?: boolean
  reusePort?: boolean
  /** @defaultValue 511, as Node's. */
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
 * Binds at the address of a TCP listener, and does not listen yet. The caller owns the descriptor. The
 * kernel spreads clients over both once both listen.
 *
 * @remarks Makes the listener share its address (SO_REUSEPORT), with processes of this user only. Only
 * Linux spreads clients: elsewhere the result is a dup of the listener.
 * @throws a system error: `EADDRINUSE`, `EINVAL` if it is not a TCP listener, `EMFILE`.
 * @see socket(7)
 * @internal
 */
export function reserveTcp(listener: number): number {
  return check(loadNative().reserveTcp(listener), 'bind')
}

/**
 * Makes a TCP listener refuse clients, in every process that holds it. Its address is free then.
 *
 * @returns false if the kernel cannot do that: it is not Linux, or not a TCP listener.
 * @see `inet_shutdown` of net/ipv4/af_inet.c
 * @internal
 */
export function stopListening(listener: number): boolean {
  return loadNative().stopListening(listener) === 0
}

/**
 * Binds a UDP address. The caller owns the descriptor.
 *
 * @throws the error that Node's `socket.bind` would emit.
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
 * Binds a Unix path and listens on it. The caller owns the descriptor and the path, and removes both.
 *
 * @remarks `@name` and `\0name` are abstract on Linux. No client can connect before `mode` is in force.
 * @throws the error that Node's `server.listen` would emit; `EADDRINUSE` if anything is at the path.
 * @internal
 */
export function bindUnix(o: {
  path: string
  /** @defaultValue 511, as Node's. */
  backlog?: number
  /** @defaultValue 0777 without the bits of the umask, as Node's. */
  mode?: number
}): number {
  const fd = loadNative().listenUnix(o.path, o.mode ?? MODE_FROM_UMASK, backlogOf(o))
  if (fd >= 0) return fd
  // libuv reports EACCES for a directory that does not exist, and programs match on that.
  const errno = fd === -constants.errno.ENOENT ? -constants.errno.EACCES : fd
  throw systemError(errno, 'listen', { address: o.path, port: -1 })
}

const MODE_FROM_UMASK = -1
