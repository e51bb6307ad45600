// The rendezvous socket: its path checked, bound once for all generations, handed on, removed last.

import { randomBytes } from 'node:crypto'
import { type BigIntStats, rmdirSync, unlinkSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { encode } from '../../protocol/codec.ts'
import { type ManifestEntry, rendezvousKey } from '../../protocol/manifest.ts'
import { HandoffError } from '../../terms/errors.ts'
import { UnixAcceptor } from '../channel/unix-acceptor.ts'
import { connectUnix, peerCredentials } from '../channel/unix-socket.ts'
import { statOfPath } from '../files/file-stat.ts'
import { tryLockDirectory } from '../files/lock.ts'
import { bindUnix } from '../listeners/bind-socket.ts'
import { removeKept } from '../listeners/kept-paths.ts'
import { unlinkOwn } from '../listeners/socket-path.ts'
import { close } from '../native/descriptors.ts'
import { privatePrefix } from './private-directories.ts'
import { openRunDirectory } from './run-directory.ts'

/**
 * How long to wait, in milliseconds, while the queue of the socket is full: some process connects
 * without end, and the old one accepts at a pace.
 */
const fullWaitMs = 5_000

/** Only the owner may connect; the peer's uid is checked nonetheless. */
const ownMode = 0o600
/** Any user may connect, and is refused by its uid before a byte is read. */
const sharedMode = 0o666

/** Which users this process takes over from, and hands over to. */
export interface Trust {
  /** Its own. */
  readonly uid: number
  /** Others; root is always among them. */
  readonly allowUids: readonly number[]
}

/**
 * Connects to whoever serves at the path.
 *
 * @returns undefined when nobody does: no such path, or a socket on which nobody listens.
 * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE if a user who is not trusted owns the
 * directory or the socket, or listens on it; or if this process may not go there.
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

/** Whether the path is one that was made for a single process and its replacements. */
export function isPrivateRendezvous(path: string): boolean {
  return basename(dirname(path)).startsWith(privatePrefix)
}

/**
 * Makes a path for a process that nobody gave one, in a directory of its own. It goes with the
 * socket, when the last generation closes it.
 */
export function privateRendezvous(system: { pid: number; env: NodeJS.ProcessEnv }): string {
  return privateDirectory(system).rendezvous
}

/** Makes a directory for this process alone. */
export function privateDirectory({ pid, env }: { pid: number; env: NodeJS.ProcessEnv }) {
  const name = `${privatePrefix}${pid}-${randomBytes(4).toString('hex')}`
  return openRunDirectory(name, env)
}

/** Holds the rendezvous socket. Polls it only between {@link open} and {@link shut}. */
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
   * Binds the path for the first generation, in place of a socket that a killed one left.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_RENDEZVOUS_UNSAFE; ERR_HANDOFF_BUSY when another
   * process begins at this very moment, or serves there.
   */
  static bind(path: string, trust: Trust, handlers: RendezvousHandlers): Rendezvous {
    checkPath(path, trust)
    const lock = tryLockDirectory(dirname(path))
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

  /** Begins to answer; who connected before waits in the kernel's queue. */
  open(): void {
    this.#acceptor.start()
  }

  /** Stops answering and keeps the socket: the new process answers on the same queue. */
  shut(): void {
    this.#acceptor.stop()
  }

  /** Closes our descriptor; with `unlink` the path goes too, if it still is this socket. */
  close({ unlink }: { unlink: boolean }): void {
    try {
      if (!unlink) return
      unlinkOwn(this.entry)
      const directory = dirname(this.path)
      if (!isPrivateRendezvous(this.path)) return
      removeKept(directory, () => false)
      rmdirSync(directory)
    } catch (error) {
      // It has given up its rights since. A supervisor removes the path, as does the next one to bind it.
      if (!isDenied(error)) throw error
    } finally {
      this.#acceptor.close()
    }
  }
}

export interface RendezvousHandlers {
  /** Owns the descriptor of a peer that connected. */
  onConnection(fd: number): void
  onError(error: Error): void
}

/** For a new process that cannot be accepted. It would else take the end of its connection for our death. */
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
 * Refuses a place that someone else could put a socket into, or has put something into.
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
    throw unsafe(path, `others may write to the directory ${directory}`)
  }
  const stat = statOfPath(path)
  if (stat === undefined) return false
  if (stat.isSymbolicLink()) throw unsafe(path, 'it is a symbolic link')
  if (!stat.isSocket()) throw unsafe(path, 'it exists and is not a socket')
  if (!isTrusted(Number(stat.uid), trust))
    throw unsafe(path, `it belongs to uid ${stat.uid}, not to uid ${uid}`)
  return true
}

/** EACCES, EPERM: this process may not do it, or has given up the right to. */
function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM'
}

function denied(path: string): HandoffError {
  const uid = process.getuid?.()
  const reason = `uid ${uid} may not go there; a server that gives up root must listen first`
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
    `cannot bind the rendezvous socket ${path}: another process has just taken it`,
    { stage: 'discover' },
  )
}
