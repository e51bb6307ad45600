// Receives bytes and descriptors with one recvmsg, and checks those for one sendmsg.

import { HandoffError } from '../../terms/errors.ts'
import { check, loadNative, WOULD_BLOCK } from './addon.ts'
import { close, type Descriptors, descriptorArray } from './descriptors.ts'

/** The most descriptors on one message. @see SCM_MAX_FD in the kernel's include/net/scm.h */
const MAX_DESCRIPTORS = 253

/** A process, as the kernel reports it. */
export interface Credentials {
  /** -1 if the system does not report it. */
  pid: number
  uid: number
  gid: number
}

/** The result of one recvmsg. */
export interface Received {
  data: Buffer
  /** Close-on-exec. They belong to the receiver of this object. */
  fds: number[]
  /**
   * Those of the sender. Undefined if the kernel did not record them: on macOS, and for bytes that were
   * sent before the first read, except to the first end of `Channel.pair()`.
   */
  credentials: Credentials | undefined
}

// No other code runs between the system call and the copy: one buffer serves all calls.
const buffer = Buffer.allocUnsafeSlow(64 * 1024)
const fds = new Int32Array(MAX_DESCRIPTORS)
const facts = new Int32Array(7)

/** Reads pid, uid and gid from three numbers of the native core. Uids are unsigned. */
export function readCredentials(ints: Int32Array): Credentials {
  const [pid = -1, uid = 0, gid = 0] = ints
  return { pid, uid: uid >>> 0, gid: gid >>> 0 }
}

/**
 * Copies descriptors into the form that the native core takes.
 *
 * @throws {@link HandoffError} `ERR_HANDOFF_INVALID_OPTION` for too many, and for a value that is not a
 * descriptor.
 */
export function toDescriptors(values: Descriptors): Int32Array {
  if (values.length > MAX_DESCRIPTORS) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      `cannot send ${values.length} descriptors: the kernel allows ${MAX_DESCRIPTORS} on a message`,
    )
  }
  const descriptors = descriptorArray(values)
  const odd = descriptors.indexOf(-1)
  if (odd < 0) return descriptors
  throw new HandoffError(
    'ERR_HANDOFF_INVALID_OPTION',
    `cannot send descriptor ${String(values[odd])}: it is not a number from 0`,
  )
}

/**
 * Receives once, without blocking.
 *
 * @returns undefined if nothing has come; empty data at the end of a stream.
 * @throws {@link HandoffError} `ERR_HANDOFF_TRUNCATED` if descriptors were lost, or a datagram was longer
 * than the buffer. All descriptors that arrived are closed.
 * @throws a system error.
 */
export function receive(fd: number): Received | undefined {
  const length = loadNative().receive(fd, buffer, fds, facts)
  if (length === WOULD_BLOCK) return undefined
  check(length, 'recvmsg')
  const [count = 0, truncated, cut, hasCredentials] = facts
  const received = [...fds.subarray(0, count)]
  if (truncated === 1 || cut === 1) {
    received.forEach(close)
    const lost = truncated === 1 ? 'descriptors' : 'bytes'
    throw new HandoffError(
      'ERR_HANDOFF_TRUNCATED',
      `cannot receive a message: the kernel dropped some of its ${lost}`,
    )
  }
  return {
    data: Buffer.from(buffer.subarray(0, length)),
    fds: received,
    credentials: hasCredentials === 1 ? readCredentials(facts.subarray(4)) : undefined,
  }
}

const noDescriptors = new Int32Array(0)

/**
 * Sends bytes on a connected socket, as many as the kernel takes without blocking.
 *
 * @returns how many were sent.
 * @throws a system error: `EAGAIN`, `EPIPE`, `ECONNRESET`.
 * @internal
 */
export function sendNow(fd: number, bytes: Uint8Array): number {
  return check(loadNative().send(fd, bytes, noDescriptors), 'send')
}
