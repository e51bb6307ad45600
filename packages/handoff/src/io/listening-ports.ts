// Where a process and its children listen, by the kernel's own word.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp has it. */
const listening = '0A'

/**
 * Returns the TCP ports on which a process listens, in order. Empty where the kernel does not say: on
 * macOS, and for a process of another user or one that has ended.
 *
 * @see proc_pid_net(5), proc_pid_fd(5)
 */
export function listeningPorts(pid: number): number[] {
  const inodes = socketInodes(pid)
  if (inodes.size === 0) return []
  const ports = ['tcp', 'tcp6']
    .flatMap((table) => read(`/proc/${pid}/net/${table}`).split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === listening && inodes.has(inode ?? ''))
    .map(([, local]) => Number.parseInt(local?.split(':')[1] ?? '', 16))
  return [...new Set(ports)].sort((a, b) => a - b)
}

/** A process below another one that listens. */
export interface ListeningChild {
  readonly pid: number
  readonly ports: readonly number[]
  /** As it was started. */
  readonly command: readonly string[]
}

/** Returns the children of a process, and theirs, that listen on TCP ports. Empty on macOS. */
export function listeningChildren(pid: number): ListeningChild[] {
  return childrenOf(pid).flatMap((child) => {
    const ports = listeningPorts(child)
    const command = read(`/proc/${child}/cmdline`).split('\0').slice(0, -1)
    return [
      ...(ports.length > 0 ? [{ pid: child, ports, command }] : []),
      ...listeningChildren(child),
    ]
  })
}

/** @see proc_pid_task(5): each thread lists the children that it has started. */
function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`)
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter((child) => child !== '')
    .map(Number)
}

function socketInodes(pid: number): Set<string> {
  const directory = `/proc/${pid}/fd`
  const inodes = new Set<string>()
  for (const fd of list(directory)) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(link(`${directory}/${fd}`)) ?? []
    if (inode !== undefined) inodes.add(inode)
  }
  return inodes
}

// A process may end, and a descriptor may be closed, at any moment: then there is nothing to read.

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
