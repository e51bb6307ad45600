// Single descriptors: dup, close, pair, and the kernel's description of one.

import { check, loadNative } from './addon.ts'

/**
 * Returns another descriptor of the same open file, close-on-exec. The caller owns it.
 *
 * @throws a system error: `EBADF`, `EMFILE`.
 * @internal
 */
export function dup(fd: number): number {
  return check(loadNative().dup(fd), 'dup')
}

/**
 * Closes a descriptor.
 *
 * @remarks Not repeated at EINTR: on Linux the number is free by then, and another file may have it.
 * @throws a system error: `EBADF`.
 * @see close(2)
 * @internal
 */
export function close(fd: number): void {
  check(loadNative().close(fd), 'close')
}

/** Room for fewer descriptors is not worth a thread. */
const leastReserved = 200

/** Far more than a process can have. */
const mostReserved = 2 ** 24

/**
 * Makes room for so many more descriptors, in another thread: where thousands come at once, the kernel would stop
 * this one for 5 to 20 ms each time that their number doubles. Does nothing for a few.
 *
 * @see expand_fdtable in the kernel's fs/file.c
 * @internal
 */
export function reserveDescriptors(count: number): void {
  if (count < leastReserved) return
  check(loadNative().reserveDescriptors(Math.min(count, mostReserved)), 'fcntl')
}

/**
 * Makes two connected Unix sockets, close-on-exec. The caller owns both.
 *
 * @remarks They block: one of them is often for a child, which expects that.
 * @throws a system error: `EMFILE`, `ENFILE`.
 * @internal
 */
export function socketPair(type: 'stream' | 'dgram' = 'stream'): [number, number] {
  const fds = new Int32Array(2)
  check(loadNative().socketPair(type === 'dgram' ? 1 : 0, fds), 'socketpair')
  return [...fds] as [number, number]
}

/** Whether a value can be a descriptor: an integer that the kernel could return. */
export function isDescriptor(value: unknown): value is number {
  const inRange = Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31
  return inRange && !Object.is(value, -0)
}

/** Descriptors; in the form that the native core takes if there may be many. */
export type Descriptors = readonly number[] | Int32Array

/**
 * Returns descriptors in the form that the native core takes, without a copy if they have it. A value that cannot be a descriptor becomes
 * -1, for which every system call fails with EBADF. An Int32Array would make 0 of it, which is stdin.
 *
 * @internal
 */
export function descriptorArray(values: Descriptors): Int32Array {
  if (values instanceof Int32Array) return values
  // Int32Array.from calls an iterator and a function for each: that is a tenth of the time of a handoff.
  const descriptors = new Int32Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    const isCommon = (value as number) > 0 && ((value as number) | 0) === value
    descriptors[index] = isCommon || isDescriptor(value) ? (value as number) : -1
  }
  return descriptors
}

/**
 * Makes all descriptors of this process but those of stdio close-on-exec.
 *
 * @throws a system error: `EMFILE`, or `ENOENT` without /proc, on a kernel without close_range(2).
 * @internal
 */
export function closeOnExecAboveStdio(): void {
  check(loadNative().closeOnExecAboveStdio(), 'close_range')
}

/** The kernel's description of a descriptor. */
export interface DescriptorFacts {
  /** `other` if it is not a socket. */
  family: 'inet' | 'inet6' | 'unix' | 'other'
  type: 'stream' | 'dgram' | 'other'
  /** The IP protocol number: 6 for TCP, 17 for UDP, 0 for other families. */
  protocol: number
  listening: boolean
  ipv6Only: boolean
  reusePort: boolean
  /** The bound IP address, with `%scope` if it has one; `''` for other families. */
  address: string
  port: number
  /** The bound Unix path, `''` when unnamed, `@name` when abstract. */
  path: string
}

const families = ['other', 'inet', 'inet6', 'unix'] as const
const types = ['other', 'stream', 'dgram'] as const
// No other code runs between a call and the copy: one array and one buffer serve all calls.
const facts = new Int32Array(7)
const bytes = Buffer.alloc(128) // sun_path has 108 on Linux, 104 on macOS

/**
 * Returns the kernel's description of a descriptor.
 *
 * @throws a system error: `EBADF`.
 * @internal
 */
export function describe(fd: number): DescriptorFacts {
  const length = check(loadNative().describe(fd, facts, bytes), 'getsockopt')
  const [family = 0, type = 0, protocol = 0, listening, ipv6Only, reusePort, port = 0] = facts
  const name = bytes.toString('utf8', 0, length)
  const unix = families[family] === 'unix'
  return {
    family: families[family] ?? 'other',
    type: types[type] ?? 'other',
    protocol,
    listening: listening === 1,
    ipv6Only: ipv6Only === 1,
    reusePort: reusePort === 1,
    address: unix ? '' : name,
    port,
    path: unix ? name.replace(/^\0/, '@') : '',
  }
}
