// The door to the native core: loads the addon once, and turns its -errno into Node's own errors.

import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { addonPlaces, buildCommand } from './addon-file.ts'
import type { NativeTlsRecords } from './native-tls-records.ts'

/** Reports when a descriptor is readable or writable: one `uv_poll_t`. */
export interface Poll {
  /** Watches for these events instead of earlier ones. */
  start(events: number): number
  stop(): void
  ref(): void
  unref(): void
  /** Call this before the close of the descriptor, which the caller owns. */
  close(): void
}

/**
 * The functions of `native/binding/`: each returns a number, ≥ 0 or −errno.
 *
 * @remarks Arguments are never converted. A function returns −EBADF if a descriptor is not an integer of
 * its range, and −EINVAL for any other argument that is not an integer of its range, a text, or a typed
 * array of its type and least length.
 */
export interface Native {
  /** The first start makes the descriptor non-blocking. */
  readonly Poll: new (
    fd: number,
    onEvent: (status: number, events: number) => void,
  ) => Poll
  /** Reports a failure by the result of each of its methods. */
  readonly TlsRecords: new (
    secrets: number,
    index: number,
  ) => NativeTlsRecords
  describeTlsReason(reason: number, text: Uint8Array): number
  dup(fd: number): number
  close(fd: number): number
  openMemoryFile(): number
  socketPair(type: number, fds: Int32Array): number
  send(fd: number, bytes: Uint8Array, fds: Int32Array): number
  sendDatagram(path: string, bytes: Uint8Array, fds: Int32Array): number
  receive(fd: number, buffer: Uint8Array, fds: Int32Array, facts: Int32Array): number
  prepareChannel(fd: number, recordSenders: number): number
  connectUnix(path: string, waitMs: number): number
  connectUnixDatagram(path: string): number
  accept(fd: number): number
  waitReadable(fd: number, timeoutMs: number): number
  isHungUp(fd: number): number
  peerCredentials(fd: number, credentials: Int32Array): number
  listenTcp(address: string, port: number, flags: number, backlog: number): number
  reserveTcp(listener: number): number
  stopListening(listener: number): number
  bindUdp(address: string, port: number, flags: number): number
  listenUnix(path: string, mode: number, backlog: number): number
  bindUnixDatagram(path: string, mode: number): number
  describe(fd: number, facts: Int32Array, name: Uint8Array): number
  openReadiness(): number
  addToReadiness(set: number, fds: Int32Array): number
  removeFromReadiness(set: number, fd: number): number
  takeReady(set: number, fds: Int32Array): number
  dupEach(fds: Int32Array, dups: Int32Array): number
  shutdownEach(fds: Int32Array): number
  findOther(fds: Int32Array, unixDomain: number): number
  readProgress(fds: Int32Array, progress: Float64Array): number
  reportsProgress(): number
  readSilence(fds: Int32Array, silence: Int32Array): number
  watchTls(missing: Uint8Array): number
  watchedTls(): number
  readTlsCounts(finished: Uint8Array, counts: Float64Array): number
  writeTlsSecretsOf(finished: Uint8Array, fd: number, index: number): number
  createSecrets(count: number): number
  sealSecrets(fd: number): number
  checkSecrets(fd: number): number
  sizeOfSecrets(count: number): number
  lock(fd: number): number
  reserveDescriptors(count: number): number
  reapOrphans(known: Int32Array, orphans: Int32Array): number
  openProcess(pid: number): number
  signalProcess(process: number, signal: number): number
  becomeProgram(path: string, argv: string[], env: string[], fds: Int32Array): number
  closeOnExecAboveStdio(): number
}

/** The events of libuv's `uv_poll_start`. */
export const READABLE = 1
export const WRITABLE = 2

/** What a non-blocking call returns when it would block. */
export const WOULD_BLOCK = -constants.errno.EAGAIN

let loaded: Native | undefined

/**
 * Returns the native core. Loads it at the first call.
 *
 * @throws {@link HandoffError} `ERR_HANDOFF_UNSUPPORTED_PLATFORM` on Windows, Bun and Deno.
 * @throws {@link HandoffError} `ERR_HANDOFF_ADDON_NOT_FOUND` if it is missing or cannot be
 * loaded; the message says which files were tried.
 * @internal
 */
export function loadNative(): Native {
  loaded ??= load()
  return loaded
}

function load(): Native {
  // They load Node-API addons, but have neither libuv nor Node's own net and http.
  const runtime = ['bun', 'deno'].find((name) => name in process.versions)
  if (runtime !== undefined) {
    throw new HandoffError(
      'ERR_HANDOFF_UNSUPPORTED_PLATFORM',
      `cannot load the native core: it needs Node.js, and this is ${runtime}`,
    )
  }
  if (process.platform === 'win32') {
    throw new HandoffError(
      'ERR_HANDOFF_UNSUPPORTED_PLATFORM',
      'cannot load the native core: Windows has no SCM_RIGHTS',
    )
  }
  const tried: string[] = []
  for (const path of addonPlaces()) {
    tried.push(path)
    if (existsSync(path)) return open(path)
  }
  throw notLoaded(`there is none for this platform; tried ${tried.join(', ')}`)
}

/** Loads an addon, not by require: its cache is the program's. */
function open(path: string): Native {
  const addon = { exports: {} }
  try {
    process.dlopen(addon, path)
  } catch (error) {
    throw notLoaded(`${path}: ${reasonOf(error)}`, { cause: error })
  }
  return addon.exports as Native
}

function notLoaded(reason: string, details: { cause?: unknown } = {}): HandoffError {
  return new HandoffError('ERR_HANDOFF_ADDON_NOT_FOUND', `cannot load the native core: ${reason}`, {
    ...details,
    help: `Build it here: \`${buildCommand()}\` (it needs a C++ compiler, make and Python 3).`,
  })
}

// libuv has no name for this error. sendmsg fails with it when RLIMIT_NOFILE descriptors of this user are
// in flight.
const TOO_MANY_REFERENCES = process.platform === 'darwin' ? -59 : -109

/** The system calls whose errors Node.js words without the description of the errno. */
const terse = new Set(['bind', 'connect'])

/**
 * Makes the error that Node.js would make for a system call.
 *
 * @param errno - negative, as the native core returns it.
 * @internal
 */
export function systemError(
  errno: number,
  syscall: string,
  where: { address?: string; port?: number; path?: string; dest?: string } = {},
): NodeJS.ErrnoException {
  const [code, text] =
    errno === TOO_MANY_REFERENCES
      ? ['ETOOMANYREFS', 'too many descriptors in flight']
      : (getSystemErrorMap().get(errno) ?? ['UNKNOWN', `unknown error ${errno}`])
  const { address, port = 0, path, dest } = where
  let message = terse.has(syscall) ? `${syscall} ${code}` : `${syscall} ${code}: ${text}`
  if (path !== undefined) {
    message = `${code}: ${text}, ${syscall} '${path}'${dest === undefined ? '' : ` -> '${dest}'`}`
  } else if (address !== undefined) {
    message += port > 0 ? ` ${address}:${port}` : ` ${address}`
  }
  // In the order in which Node.js sets and prints them.
  const fields = terse.has(syscall) ? { errno, code, syscall } : { code, errno, syscall }
  const error = Object.assign(new Error(message), fields, where)
  if (port === 0) delete (error as { port?: number }).port // As Node.js.
  return error
}

/**
 * Returns the result of a native function, or throws its error.
 *
 * @internal
 */
export function check(
  result: number,
  syscall: string,
  where?: Parameters<typeof systemError>[2],
): number {
  if (result < 0) throw systemError(result, syscall, where)
  return result
}
