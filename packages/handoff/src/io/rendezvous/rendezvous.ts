// The rendezvous socket: checks its path, binds it for all generations, hands it on, removes it.

import { type BigIntStats, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { encode } from '../../protocol/codec.ts'
import { type ManifestEntry, rendezvousKey } from '../../protocol/manifest.ts'
import { HandoffError } from '../../terms/errors.ts'
import { UnixAcceptor } from '../channel/unix-acceptor.ts'
import { connectUnix, peerCredentials } from '../channel/unix-socket.ts'
import { statOfPath } from '../files/file-stat.ts'
import { tryLockName } from '../files/lock.ts'
import { bindUnix } from '../listeners/bind-socket.ts'
import { removeKept } from '../listeners/kept-paths.ts'
import { unlinkOwn } from '../listeners/socket-path.ts'
import { close } from '../native/descriptors.ts'
import { builtins } from '../node/builtins.ts'
import { privatePrefix } from './private-directories.ts'
import { openRunDirectory } from './run-directory.ts'

/**
 * How long to wait, in milliseconds, while the queue of the socket is full: another process connects in a
 * loop, and the old process accepts at a limited pace.
 */
const fullWaitMs = 5_000

/** Only the owner may connect. The uid of a peer is checked nonetheless. */
const ownMode = 0o600
/** Any user may connect. An untrusted uid is refused before a byte is read. */
const sharedMode = 0o666

/** The users from whose processes this process takes over, and to whose it hands over. */
export interface Trust {
  /** The uid of this process. */
  readonly uid: number
  /** Other uids. Root is always trusted. */
  readonly allowUids: readonly number[]
}

/**
 * Connects to the process that serves at the path.
 *
 * @returns undefined if there is none: no such path, or a socket on which no process listens.
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE if a user who is not trusted owns the
 * directory or the socket, or listens on it; or if this process may not access it.
 */
export function connectRendezvous(path: string, trust: Trust): number | undefined {
  if (!checkPath(path, trust)) return undefined
  let fd: number
  try {
    fd = connectUnix(path, fullWaitMs)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined
    if (code === 'EACCES') throw denied(path)
    throw error
  }
  const { uid } = peerCredentials(fd)
  if (isTrusted(uid, trust)) return fd
  close(fd)
  throw unsafe(path, `uid ${uid} listens on it, not uid ${trust.uid}`)
}

function isTrusted(uid: number, trust: Trust): boolean {
  return uid === trust.uid || uid === 0 || trust.allowUids.includes(uid)
}

/** Whether the path was made for a single process and its replacements. */
export function isPrivateRendezvous(path: string): boolean {
  return basename(dirname(path)).startsWith(privatePrefix)
}

/**
 * Makes a path for a process that was given none, in a directory of its own. The last generation removes
 * it with the socket.
 */
export function privateRendezvous(system: { pid: number; env: NodeJS.ProcessEnv }): string {
  return privateDirectory(system).rendezvous
}

/** Makes a directory for this process alone. */
export function privateDirectory({ pid, env }: { pid: number; env: NodeJS.ProcessEnv }) {
  const name = `${privatePrefix}${pid}-${builtins.crypto.randomBytes(4).toString('hex')}`
  return openRunDirectory(name, env)
}

/** The rendezvous socket of this process. Accepts only between {@link open} and {@link shut}. */
export class Rendezvous {
  readonly entry: ManifestEntry
  readonly #acceptor: UnixAcceptor

  private constructor(entry: ManifestEntry, fd: number, handlers: RendezvousHandlers) {
    this.entry = entry
    this.#acceptor = new UnixAcceptor(fd, handlers.onConnection, handlers.onError, refusal())
    // Being replaceable is no reason to live on.
    this.#acceptor.unref()
  }

  /**
   * Binds the path for the first generation. Replaces a socket that a killed process has left.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE; ERR_HANDOFF_BUSY if another process
   * serves there, or binds the path at the same moment.
   */
  static bind(path: string, trust: Trust, handlers: RendezvousHandlers): Rendezvous {
    checkPath(path, trust)
    // Of this path, not of the directory: workers bind theirs beside it at the same moment.
    const lockPath = `${path}.bind`
    const lock = tryLockName(lockPath)
    if (lock === undefined) throw busy(path)
    try {
      const left = connectRendezvous(path, trust)
      if (left !== undefined) {
        close(left)
        throw busy(path)
      }
      if (statOfPath(path) !== undefined) unlinkSync(path)
      const isShared = trust.allowUids.some((uid) => uid !== trust.uid && uid !== 0)
      const fd = bindUnix({ path, mode: isShared ? sharedMode : ownMode })
      const { dev, ino } = statOfPath(path) as BigIntStats
      const entry: ManifestEntry = {
        key: rendezvousKey,
        protocol: 'unix',
        address: path,
        port: 0,
        ipv6Only: false,
        inode: `${dev}:${ino}`,
      }
      return new Rendezvous(entry, fd, handlers)
    } finally {
      rmSync(lockPath, { force: true })
      lock.release()
    }
  }

  /** Takes over the descriptor that the old process sent. */
  static adopt(entry: ManifestEntry, fd: number, handlers: RendezvousHandlers): Rendezvous {
    return new Rendezvous(entry, fd, handlers)
  }

  get path(): string {
    return this.entry.address
  }

  get fd(): number {
    return this.#acceptor.fd
  }

  /** Accepts peers from now on. Earlier ones wait in the kernel's queue. */
  open(): void {
    this.#acceptor.start()
  }

  /** Stops accepting and keeps the socket: the new process accepts from the same queue. */
  shut(): void {
    this.#acceptor.stop()
  }

  /** Closes the descriptor. With `unlink`, removes the path too, if it still is this socket. */
  close({ unlink }: { unlink: boolean }): void {
    try {
      if (!unlink) return
      unlinkOwn(this.entry)
      const directory = dirname(this.path)
      if (!isPrivateRendezvous(this.path)) return
      removeKept(directory, () => false)
      rmdirSync(directory)
    } catch (error) {
      // This process has given up its rights since. The supervisor, or the next bind, removes the path.
      if (!isDenied(error)) throw error
    } finally {
      this.#acceptor.close()
    }
  }
}

export interface RendezvousHandlers {
  /** Called when a peer has connected. Owns its descriptor. */
  onConnection(fd: number): void
  onError(error: Error): void
}

/**
 * Makes the refusal for a new process that cannot be accepted. Without it, that process would take the end
 * of its connection for the death of this one.
 */
function refusal(): Uint8Array {
  return encode({
    type: 'refuse',
    code: 'ERR_HANDOFF_SEND_FAILED',
    reason:
      `cannot hand over: the old process (pid ${process.pid}) has no file descriptor left (EMFILE) and serves on; ` +
      'raise `ulimit -n`, or wait until it has fewer connections',
  })
}

/**
 * Refuses a path at which another user could put a socket, or has put a file.
 *
 * @returns whether there is a socket at the path.
 */
function checkPath(path: string, trust: Trust): boolean {
  try {
    return checkPlace(path, trust)
  } catch (error) {
    throw isDenied(error) ? denied(path) : error
  }
}

function checkPlace(path: string, trust: Trust): boolean {
  const { uid } = trust
  const directory = dirname(path)
  const parent = statOfPath(directory)
  if (parent === undefined) throw unsafe(path, `the directory ${directory} does not exist`)
  if (!parent.isDirectory()) throw unsafe(path, `${directory} is not a directory`)
  if (!isTrusted(Number(parent.uid), trust)) {
    throw unsafe(path, `the directory ${directory} belongs to uid ${parent.uid}, not to uid ${uid}`)
  }
  if ((parent.mode & 0o022n) !== 0n) {
    throw unsafe(path, `other users may write to the directory ${directory}`)
  }
  const stat = statOfPath(path)
  if (stat === undefined) return false
  if (stat.isSymbolicLink()) throw unsafe(path, 'it is a symbolic link')
  if (!stat.isSocket()) throw unsafe(path, 'it exists and is not a socket')
  if (!isTrusted(Number(stat.uid), trust))
    throw unsafe(path, `it belongs to uid ${stat.uid}, not to uid ${uid}`)
  return true
}

/** Whether an error is EACCES or EPERM: this process has no right to it, or has given it up. */
function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM'
}

function denied(path: string): HandoffError {
  const uid = process.getuid?.()
  const reason = `uid ${uid} may not access it; a server that gives up root must listen first`
  return unsafe(path, reason)
}

function unsafe(path: string, reason: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_RENDEZVOUS_UNSAFE',
    `cannot use the rendezvous socket ${path}: ${reason}`,
    { stage: 'discover' },
  )
}

function busy(path: string): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_BUSY',
    `cannot bind the rendezvous socket ${path}: another process has just bound it`,
    { stage: 'discover' },
  )
}
