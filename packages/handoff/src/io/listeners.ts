// The listening sockets of this process: received, bound, handed on. Owns their descriptors.

import { lstatSync, unlinkSync } from 'node:fs'
import type { ListenerRequest, ManifestEntry } from '../protocol/manifest.ts'
import { findEntry, keyOf } from '../protocol/manifest.ts'
import { bindTcp, bindUdp, bindUnix } from './bind.ts'
import { close, describe } from './descriptors.ts'
import { connectUnix } from './unix-socket.ts'

/** A listening socket that this process holds, whether or not it accepts on it. */
export interface Held {
  readonly entry: ManifestEntry
  /** Ours; servers get dups of it. */
  readonly fd: number
  /** The key in the old process's manifest, where it came from there. */
  readonly receivedAs?: string
}

/** How to bind where nothing was received. */
export interface BindOptions {
  backlog?: number
  reusePort?: boolean
  reuseAddr?: boolean
  /** Mode bits of a Unix path, umask applied where absent. */
  mode?: number
}

export class Listeners {
  /** Received from the old process and not asked for yet. */
  readonly #received = new Map<string, Held>()
  readonly #held = new Set<Held>()

  /** Takes over a descriptor that was checked against its entry. */
  receive(entry: ManifestEntry, fd: number): void {
    this.#received.set(entry.key, { entry, fd })
  }

  /**
   * Gives the listener that was asked for: the received one, else a newly bound one.
   *
   * @throws the system's error, as Node's own listen would give it.
   */
  claim(request: ListenerRequest, options: BindOptions): Held {
    const entry = findEntry(
      [...this.#received.values()].map((held) => held.entry),
      request,
    )
    if (entry === undefined) return this.hold(request, bind(request, options))
    const received = this.#received.get(entry.key) as Held
    this.#received.delete(entry.key)
    // The key is what is asked for now: the next process finds it by that.
    const held: Held = {
      entry: { ...entry, key: keyOf(request) },
      fd: received.fd,
      receivedAs: entry.key,
    }
    this.#held.add(held)
    return held
  }

  /** Takes ownership of a descriptor that listens already. */
  hold(request: ListenerRequest, fd: number): Held {
    const { address, port, path, ipv6Only } = describe(fd)
    const isPath = request.protocol === 'unix'
    const held = {
      entry: {
        key: keyOf(request),
        protocol: request.protocol,
        address: isPath ? path : address,
        port,
        ipv6Only,
        ...(isPath ? inodeField(path) : {}),
      },
      fd,
    }
    this.#held.add(held)
    return held
  }

  /** What this process holds, in the order of its manifest. */
  all(): Held[] {
    return [...this.#held]
  }

  /** What was received and nobody asked for: open, it would swallow clients without an answer. */
  closeUnclaimed(): ManifestEntry[] {
    const unclaimed = [...this.#received.values()]
    this.#received.clear()
    for (const { fd } of unclaimed) close(fd)
    return unclaimed.map((held) => held.entry)
  }

  /**
   * Closes one listener. Its path goes only when this was its last holder: with `unlink`, before
   * the close, while our descriptor still keeps the inode from being recycled.
   */
  drop(held: Held, { unlink }: { unlink: boolean }): void {
    if (!this.#held.delete(held)) return
    try {
      if (unlink) unlinkOwn(held.entry)
    } finally {
      close(held.fd)
    }
  }
}

/** Removes the path of a Unix listener if it still is the socket that was bound there. */
export function unlinkOwn({ protocol, address, inode }: ManifestEntry): void {
  if (protocol !== 'unix' || inode === undefined) return
  if (inodeField(address).inode === inode) unlinkSync(address)
}

function inodeField(path: string): { inode?: string } {
  if (path === '' || path.startsWith('@')) return {}
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat?.isSocket() ? { inode: `${stat.dev}:${stat.ino}` } : {}
}

function bind(request: ListenerRequest, options: BindOptions): number {
  const { protocol, address, port, ipv6Only } = request
  if (protocol === 'unix') return bindPath(address ?? '', options)
  const bindAt = protocol === 'tcp' ? bindTcp : bindUdp
  if (address !== undefined) return bindAt({ ...options, address, port, ipv6Only })
  try {
    return bindAt({ ...options, address: '::', port, ipv6Only })
  } catch (error) {
    // As Node: every address means IPv6 dual stack, or IPv4 where the machine has no IPv6.
    if (!noIpv6.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    return bindAt({ ...options, address: '0.0.0.0', port })
  }
}

const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT'])

function bindPath(path: string, options: BindOptions): number {
  try {
    return bindUnix({ path, ...options })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || !removeStale(path)) throw error
    return bindUnix({ path, ...options })
  }
}

/**
 * Removes the path of a server that was killed: a socket of ours on which nobody listens.
 * Node leaves this to the user; here nobody else may unlink, so we clean up too.
 */
function removeStale(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat?.isSocket() || stat.uid !== process.getuid?.()) return false
  try {
    close(connectUnix(path))
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return false
    unlinkSync(path)
    return true
  }
}
