// Asks the kernel on which ports a process and its children listen.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { sessionMembers } from '../system/session-members.ts'

/** TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp has it. */
const listening = '0A'

/**
 * Returns the TCP ports on which a process listens, in ascending order. Empty on macOS, for a process of
 * another user, and for one that has ended.
 *
 * @see proc_pid_net(5), proc_pid_fd(5)
 */
export function listeningPorts(pid: number): number[] {
  const inodes = socketInodes(pid)
  if (inodes.size === 0) return []
  const ports = listenersOf(pid).flatMap(({ port, inode }) => (inodes.has(inode) ? [port] : []))
  return [...new Set(ports)].sort((a, b) => a - b)
}

/** A process that listens on a port. */
export interface PortHolder {
  readonly pid: number
  /** As `ps` shows it. */
  readonly name: string
  /** Whether it is an older process of the same server. */
  readonly isOurs: boolean
}

/**
 * Finds a process of this user that listens on a TCP port. Returns undefined if there is none, and on
 * macOS.
 */
export function holderOfPort(port: number): PortHolder | undefined {
  const inodes = new Set(
    listenersOf('self').flatMap((listener) => (listener.port === port ? [listener.inode] : [])),
  )
  if (inodes.size === 0) return undefined
  const holders = list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => [...socketInodes(Number(pid))].some((inode) => inodes.has(inode)))
    .map(holderOf)
  return holders.find(({ isOurs }) => isOurs) ?? holders[0]
}

function holderOf(pid: string): PortHolder {
  const place = rendezvousOf(pid)
  const isOurs = place !== undefined && place === rendezvousOf('self')
  return { pid: Number(pid), name: read(`/proc/${pid}/comm`).trim(), isOurs }
}

/** Returns the rendezvous variable with which a process was started. */
function rendezvousOf(pid: string): string | undefined {
  return read(`/proc/${pid}/environ`)
    .split('\0')
    .find((pair) => pair.startsWith('HANDOFF_RENDEZVOUS='))
}

function listenersOf(pid: number | 'self'): { port: number; inode: string }[] {
  return ['tcp', 'tcp6']
    .flatMap((table) => read(`/proc/${pid}/net/${table}`).split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === listening)
    .map(([, local, , , , , , , , inode = '']) => ({
      port: Number.parseInt(local?.split(':')[1] ?? '', 16),
      inode,
    }))
}

/** A process that listens, and is a descendant of another one. */
export interface ListeningChild {
  readonly pid: number
  readonly ports: readonly number[]
  /** Its command line. */
  readonly command: readonly string[]
}

/** Returns the descendants of a process that listen on TCP ports. Empty on macOS. */
export function listeningChildren(pid: number): ListeningChild[] {
  return childrenOf(pid).flatMap((child) => [
    ...listeningProcess(child),
    ...listeningChildren(child),
  ])
}

/**
 * Returns the processes that listen on TCP ports in the session that a process leads, without the leader.
 * Empty on macOS.
 */
export function listeningInSession(leader: number): ListeningChild[] {
  return sessionMembers(leader).flatMap(listeningProcess)
}

/** Whether the kernel may choose this port for a program that asks for port 0. @see ip(7) */
export function isEphemeral(port: number): boolean {
  const range = read('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number)
  const [first = 32_768, last = 60_999] = range.length === 2 ? range : []
  return port >= first && port <= last
}

function listeningProcess(pid: number): ListeningChild[] {
  const ports = listeningPorts(pid)
  const command = read(`/proc/${pid}/cmdline`).split('\0').slice(0, -1)
  return ports.length > 0 ? [{ pid, ports, command }] : []
}

/** Each thread lists the children that it has started. @see proc_pid_task(5) */
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

// A process may end, and a descriptor be closed, at any moment: then there is nothing to read.

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
