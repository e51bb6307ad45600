// Single descriptors: dup, close, pair, and what one is by the kernel's own word.

import { check, loadNative } from './addon.ts'

/**
 * Returns another descriptor of the same open file, close-on-exec; the caller owns it.
 *
 * @throws a system error: `EBADF`, `EMFILE`
 * @internal
 */
export function dup(fd: number): number {
  return check(loadNative().dup(fd), 'dup')
}

/**
 * Closes a descriptor.
 *
 * @remarks Never repeated at EINTR: on Linux the number is free by then, and may be someone else's.
 * @throws a system error: `EBADF`
 * @see close(2)
 * @internal
 */
export function close(fd: number): void {
  check(loadNative().close(fd), 'close')
}

/**
 * Makes two connected Unix sockets, close-on-exec; the caller owns both.
 *
 * @remarks They block, since one of them is often for a child that expects it.
 * @throws a system error: `EMFILE`, `ENFILE`
 * @internal
 */
export function socketPair(type: 'stream' | 'dgram' = 'stream'): [number, number] {
  const fds = new Int32Array(2)
  check(loadNative().socketPair(type === 'dgram' ? 1 : 0, fds), 'socketpair')
  return [...fds] as [number, number]
}

/** Whether a value can be a descriptor at all: a whole number that the kernel could have given. */
export function isDescriptor(value: unknown): value is number {
  const inRange = Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31
  return inRange && !Object.is(value, -0)
}

/**
 * Copies descriptors into the form that the native core takes. What can be none becomes -1, which
 * every system call answers with EBADF: an Int32Array would make 0 of it, which is stdin.
 *
 * @internal
 */
export function descriptorArray(values: readonly number[]): Int32Array {
  return Int32Array.from(values, (value) => (isDescriptor(value) ? value : -1))
}

/**
 * Makes all descriptors of this process but those of stdio close-on-exec.
 *
 * @throws a system error: `EMFILE`, or `ENOENT` without /proc, on a kernel without close_range(2)
 * @internal
 */
export function closeOnExecAboveStdio(): void {
  check(loadNative().closeOnExecAboveStdio(), 'close_range')
}

/** What a descriptor is. */
export interface DescriptorFacts {
  /** `other` for what is not a socket. */
  family: 'inet' | 'inet6' | 'unix' | 'other'
  type: 'stream' | 'dgram' | 'other'
  /** The IP protocol number: 6 for TCP, 17 for UDP, 0 elsewhere. */
  protocol: number
  listening: boolean
  ipv6Only: boolean
  reusePort: boolean
  /** The bound IP address, with `%scope` where it has one; `''` elsewhere. */
  address: string
  port: number
  /** The bound Unix path, `''` when unnamed, `@name` when abstract. */
  path: string
}

const families = ['other', 'inet', 'inet6', 'unix'] as const
const types = ['other', 'stream', 'dgram'] as const
// Nothing runs between a call and the copy: one array and one buffer serve all.
const facts = new Int32Array(7)
const bytes = Buffer.alloc(128) // sun_path has 108 on Linux, 104 on macOS

/**
 * Asks the kernel what a descriptor is.
 *
 * @throws a system error: `EBADF`
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
