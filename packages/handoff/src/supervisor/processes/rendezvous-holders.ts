// Finds the processes that hold the rendezvous socket of a run, in /proc.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Returns the pids of the processes that hold a listening socket at a path. Processes of other users are left
 * out. Without /proc the list is empty.
 *
 * @see proc_net(5): /proc/net/unix; proc_pid_fd(5)
 */
export function rendezvousHolders(path: string): number[] {
  const sockets = new Set(listeningInodes(path).map((inode) => `socket:[${inode}]`))
  if (sockets.size === 0) return []
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) =>
      list(`/proc/${pid}/fd`).some((fd) => sockets.has(target(`/proc/${pid}/fd/${fd}`))),
    )
    .map(Number)
}

/** Several sockets may have the same path: it was bound again after its removal. */
function listeningInodes(path: string): string[] {
  const acceptsConnections = 0x10000
  return read('/proc/net/unix')
    .split('\n')
    .map((line) => /^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line))
    .filter((match) => match?.[3] === path)
    .filter((match) => (Number.parseInt(match?.[1] ?? '0', 16) & acceptsConnections) !== 0)
    .map((match) => match?.[2] ?? '')
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return [] // It has ended, or belongs to another user.
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
