// What is open in this process, by the kernel's own word.

import { readlinkSync } from 'node:fs'
import type { Server } from 'node:net'
import { descriptors, hasProc } from '../../support/process-facts.ts'

/** How many descriptors there are of each socket. */
export function openSockets(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of hasProc ? descriptors(process.pid) : []) {
    if (name.startsWith('socket:')) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** What is open now and was not before, for the message of a failure. */
export function openedSince(before: ReadonlyMap<string, number>): string[] {
  return [...openSockets()]
    .filter(([name, count]) => count > (before.get(name) ?? 0))
    .map(([name, count]) => `${name} ×${count - (before.get(name) ?? 0)}`)
}

/** The inode behind a descriptor, which tells sockets apart: `socket:[4711]`. */
export function inodeOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`)
}

/** The inode of the socket on which a server listens. */
export function listeningInode(server: Server): string {
  const fd = descriptorOf(server)
  return fd === undefined ? 'none' : inodeOf(fd)
}

/** The descriptor on which a server listens. */
export function descriptorOfListener(server: Server): number {
  const fd = descriptorOf(server)
  if (fd === undefined) throw new Error('the server does not listen')
  return fd
}

function descriptorOf(server: Server): number | undefined {
  const { _handle } = server as Server & { _handle: { fd: number } | null }
  return _handle?.fd
}
