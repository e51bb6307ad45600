// The directory of one run, with all of its files. No other user can enter it.

import { lstatSync, mkdirSync, readdirSync, rmdirSync, type Stats, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { removeDeadDirectories } from './private-directories.ts'

/** The paths of one run. {@link openRunDirectory} makes the directory. */
export interface RunDirectory {
  readonly path: string
  /** The rendezvous socket. The serving process has it, never the supervisor. */
  readonly rendezvous: string
  /** The socket at which the processes report to the supervisor. */
  readonly notify: string
  /** The socket at which the supervisor takes commands. */
  readonly control: string
  /** The lock that the supervisor holds as long as it runs. */
  readonly lock: string
}

/** The directory of all runs, in two parts. */
interface Base {
  /** A directory of the operator or the system, in which no other user may replace ours. */
  readonly outer: string
  /** Directories that this package makes below it, one in the other. */
  readonly inner: readonly string[]
}

/** unix(7): sun_path has 108 bytes on Linux, 104 on macOS, one of them for the final zero. */
export const pathLimitBytes = process.platform === 'linux' ? 107 : 103

/** Returns the directory with the runs of this user, each under its name. */
export function runsDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const { outer, inner } = base(env)
  return join(outer, ...inner)
}

/**
 * Returns the paths of the run `name`.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG if the path of a socket would not fit.
 */
export function runDirectory(name: string, env: NodeJS.ProcessEnv = process.env): RunDirectory {
  const path = join(runsDirectory(env), name)
  return {
    path,
    rendezvous: checkLength(join(path, 'rendezvous.sock')),
    notify: join(path, 'notify.sock'),
    control: join(path, 'control.sock'),
    lock: join(path, 'supervisor.lock'),
  }
}

/**
 * Returns the paths of one worker of a run. Those of the first worker are the run's own.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG
 */
export function workerDirectory(run: RunDirectory, worker: number): RunDirectory {
  if (worker === 1) return run
  return {
    ...run,
    rendezvous: checkLength(join(run.path, `rendezvous-${worker}.sock`)),
    notify: join(run.path, `notify-${worker}.sock`),
  }
}

/** Returns the numbers of the further workers that have a rendezvous socket here, served or not. */
export function workersFound({ path }: RunDirectory): number[] {
  return readdirSync(path)
    .map((file) => Number(/^rendezvous-([1-9]\d*)\.sock$/.exec(file)?.[1]))
    .filter((worker) => worker > 1)
    .sort((a, b) => a - b)
}

/**
 * Makes the directory of the run `name`, or checks an existing one. Removes directories beside it that
 * ended processes have left.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_DIRECTORY_UNSAFE if another user could enter or replace it;
 * ERR_HANDOFF_DIRECTORY_UNUSABLE if it cannot be made; ERR_HANDOFF_PATH_TOO_LONG.
 */
export function openRunDirectory(name: string, env: NodeJS.ProcessEnv = process.env): RunDirectory {
  const directory = runDirectory(name, env)
  const { outer, inner } = base(env)
  make(outer, true)
  checkOuter(outer, statSync(outer), uid())
  let level = outer
  for (const part of [...inner, name]) {
    level = join(level, part)
    make(level)
    checkPrivate(level, lstatSync(level), uid())
  }
  removeDeadDirectories(runsDirectory(env))
  return directory
}

/**
 * Returns the paths of the run `name` for a client, and the uid whose processes the client may trust.
 * Checks an existing directory as {@link openRunDirectory} does, and makes none.
 *
 * @remarks Root may name the directory of another user in HANDOFF_DIR, to manage the runs of that user.
 * @throws {@link HandoffError} as {@link openRunDirectory}.
 */
export function findRunDirectory(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): { readonly directory: RunDirectory; readonly owner: number } {
  return { directory: runDirectory(name, env), owner: checkFound(env, [name]) }
}

/**
 * Returns the names that have a directory here, running or not.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_DIRECTORY_UNSAFE
 */
export function runNames(env: NodeJS.ProcessEnv = process.env): string[] {
  checkFound(env, [])
  try {
    return readdirSync(runsDirectory(env), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw denied(join(runsDirectory(env), 'name'), error)
  }
}

/** Removes the directory of a run that has ended, unless files or servers without a supervisor are left in it. */
export function removeRunDirectory({ path }: RunDirectory): void {
  try {
    rmdirSync(path)
  } catch {
    // It is not empty, or another process has removed it.
  }
}

/** Checks the longest path among the sockets of a run. */
function checkLength(rendezvous: string): string {
  const bytes = Buffer.byteLength(rendezvous)
  if (bytes <= pathLimitBytes) return rendezvous
  throw new HandoffError(
    'ERR_HANDOFF_PATH_TOO_LONG',
    `cannot use ${rendezvous}: it has ${bytes} bytes, and the limit for the path of a socket is ${pathLimitBytes}`,
  )
}

function base(env: NodeJS.ProcessEnv): Base {
  if (env.HANDOFF_DIR) return { outer: resolve(env.HANDOFF_DIR), inner: [] }
  const runtime = env.XDG_RUNTIME_DIR
  // After `su` or `sudo` the variable may name another user's directory: then it is ignored.
  if (runtime && statSync(runtime, { throwIfNoEntry: false })?.uid === uid()) {
    return { outer: resolve(runtime), inner: ['handoff'] }
  }
  return { outer: tmpdir(), inner: [`handoff-${uid()}`] }
}

function make(path: string, recursive = false): void {
  try {
    mkdirSync(path, { mode: 0o700, recursive })
  } catch (error) {
    // The caller checks an existing one.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw unusable(path, error)
  }
}

/** Makes an error of a system error: a file in the directory of a run could not be written. */
export function unusable(path: string, cause: unknown): HandoffError {
  // Without the native core nothing is wrong with the directory.
  if (cause instanceof HandoffError) return cause
  return new HandoffError(
    'ERR_HANDOFF_DIRECTORY_UNUSABLE',
    `cannot write ${path}: ${reasonOf(cause)}`,
    { cause },
  )
}

/**
 * Checks the existing levels of the directory, down to the first missing one.
 *
 * @returns the uid to which they belong.
 */
function checkFound(env: NodeJS.ProcessEnv, names: readonly string[]): number {
  const { outer, inner } = base(env)
  const found = statOf(outer, statSync)
  if (found === undefined) return uid()
  const owner = ownerBelow(outer, found, env, names)
  checkOuter(outer, found, owner)
  let level = outer
  for (const part of [...inner, ...names]) {
    level = join(level, part)
    const stat = statOf(level)
    if (stat === undefined) break
    checkPrivate(level, stat, owner)
  }
  return owner
}

/** Returns the status of a directory, or throws an error that names the directory that denies access. */
function statOf(path: string, stat: typeof statSync | typeof lstatSync = lstatSync) {
  try {
    return stat(path, { throwIfNoEntry: false })
  } catch (error) {
    throw denied(path, error)
  }
}

/** Makes an error that names the first directory on the way to `path` that this user cannot enter. */
function denied(path: string, cause: unknown): unknown {
  if ((cause as NodeJS.ErrnoException).code !== 'EACCES') return cause
  for (let above = dirname(path); ; above = dirname(above)) {
    try {
      const stat = statSync(above)
      const whose = `it belongs to uid ${stat.uid}, and uid ${uid()} may not enter it${mode(stat)}`
      return unsafe(above, whose, cause)
    } catch {
      if (above === dirname(above)) return cause
    }
  }
}

/** Returns the uid to which a run must belong: this user's, unless root names another user's directory. */
function ownerBelow(
  outer: string,
  found: Stats,
  env: NodeJS.ProcessEnv,
  names: readonly string[],
): number {
  const mayBeOther = uid() === 0 && Boolean(env.HANDOFF_DIR) && (found.mode & 0o022) === 0
  if (!mayBeOther) return uid()
  // Only root or that user can have made it.
  if (found.uid !== 0) return found.uid
  return lstatSync(join(outer, ...names), { throwIfNoEntry: false })?.uid ?? 0
}

/** Checks that only `owner` or root can replace a directory in this one. */
function checkOuter(path: string, stat: Stats, owner: number): void {
  if (!stat.isDirectory()) throw unsafe(path, 'it is not a directory')
  if (stat.uid !== owner && stat.uid !== 0) throw foreign(path, stat, owner)
  // The sticky bit of /tmp keeps other users from renaming our directory: inode(7).
  const sticky = (stat.mode & 0o1000) !== 0
  if ((stat.mode & 0o022) !== 0 && !sticky)
    throw unsafe(path, `other users may write to it${mode(stat)}`)
}

/** Checks that only the owner can enter a directory: it gives access to the sockets of the server. */
function checkPrivate(path: string, stat: Stats, owner: number): void {
  if (stat.isSymbolicLink()) throw unsafe(path, 'it is a symbolic link')
  if (!stat.isDirectory()) throw unsafe(path, 'it is not a directory')
  if (stat.uid !== owner) throw foreign(path, stat, owner)
  if ((stat.mode & 0o077) !== 0) throw unsafe(path, `other users may enter it${mode(stat)}`)
}

function foreign(path: string, stat: Stats, owner: number): HandoffError {
  return unsafe(path, `it belongs to uid ${stat.uid}, not to uid ${owner}`)
}

function mode(stat: Stats): string {
  return ` (mode 0${(stat.mode & 0o7777).toString(8)})`
}

function uid(): number {
  return process.getuid?.() ?? -1
}

function unsafe(path: string, reason: string, cause?: unknown): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_DIRECTORY_UNSAFE',
    `cannot use ${path}: ${reason}`,
    cause === undefined ? {} : { cause },
  )
}
