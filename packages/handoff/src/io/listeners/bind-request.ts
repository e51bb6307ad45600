// Binds a new listener where a request asks for it, at the addresses that Node.js would choose.

import type { ListenerRequest } from '../../protocol/manifest.ts'
import { connectUnix } from '../channel/unix-socket.ts'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkUnguarded } from '../files/unlink-hook.ts'
import { close } from '../native/descriptors.ts'
import { bindTcp, bindUdp, bindUnix } from './bind-socket.ts'
import type { BindOptions } from './held-listener.ts'

/**
 * Returns a bound descriptor; for TCP and Unix it listens.
 *
 * @throws the system's error.
 */
export function bindRequest(request: ListenerRequest, options: BindOptions): number {
  const { protocol, address, port, ipv6Only } = request
  if (protocol === 'unix') return bindPath(address ?? '', options)
  const bindAt = protocol === 'tcp' ? bindTcp : bindUdp
  if (address !== undefined) return bindAt({ ...options, address, port, ipv6Only })
  try {
    return bindAt({ ...options, address: '::', port, ipv6Only })
  } catch (error) {
    // As Node.js: every address means IPv6 dual stack, or IPv4 if the machine has no IPv6.
    if (!noIpv6.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    return bindAt({ ...options, address: '0.0.0.0', port })
  }
}

const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT'])

function bindPath(path: string, options: BindOptions): number {
  try {
    return bindUnix({ path, ...options })
  } catch (error) {
    const isInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (!isInUse || !removeStaleSocket(path)) throw error
    return bindUnix({ path, ...options })
  }
}

/**
 * Removes the path of a server that was killed: a socket of this user to which no process listens.
 *
 * @remarks Node.js leaves that to the user. Here users cannot unlink the path, so this package does.
 * @returns whether the path was removed.
 */
export function removeStaleSocket(path: string): boolean {
  const stat = statOfPath(path)
  if (!stat?.isSocket() || Number(stat.uid) !== process.getuid?.()) return false
  try {
    close(connectUnix(path))
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return false
    unlinkUnguarded(path)
    return true
  }
}
