// Where everything of one run lives: a directory that nobody else can enter.

import { lstatSync, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { HandoffError, reasonOf } from '../errors.ts'

/** The places of one run; {@link openRunDirectory} makes the directory, this makes nothing. */
export interface RunDirectory {
  readonly path: string
  /** Where the processes meet; held by the one that serves, never by the supervisor. */
  readonly rendezvous: string
  /** Where the processes report to the supervisor. */
  readonly notify: string
  /** Where the command line talks to the supervisor. */
  readonly control: string
  /** Held by the supervisor as long as it lives. */
  readonly lock: string
}

/** Where runs are kept, and who makes that place. */
interface Base {
  /** A place of the operator or the system, in which others must not be able to replace ours. */
  readonly outer: string
  /** Directories that we make below it, one in the other. */
  readonly inner: readonly string[]
}

/** unix(7): sun_path has 108 bytes on Linux, 104 on macOS, one of them for the final zero. */
export const pathLimitBytes = process.platform === 'linux' ? 107 : 103

/** The directory in which the runs of this user lie, each by its name. */
export function runsDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const { outer, inner } = base(env)
  return join(outer, ...inner)
}

/**
 * Tells the places of the run `name`.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PATH_TOO_LONG when a socket's path would not fit.
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
 * Tells the places of one worker of a run: those of the first one are the run's own.
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

/** The numbers of the further workers that have a rendezvous socket here, served or not. */
export function workersFound({ path }: RunDirectory): number[] {
  return readdirSync(path)
    .map((file) => Number(/^rendezvous-([1-9]\d*)\.sock$/.exec(file)?.[1]))
    .filter((worker) => worker > 1)
    .sort((a, b) => a - b)
}

/**
 * Makes the directory of the run `name`, or checks the one that is there.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_DIRECTORY_UNSAFE when someone else could get in or
 * replace it; ERR_HANDOFF_PATH_TOO_LONG.
 */
export function openRunDirectory(name: string, env: NodeJS.ProcessEnv = process.env): RunDirectory {
  const directory = runDirectory(name, env)
  const { outer, inner } = base(env)
  checkOuter(outer)
  let level = outer
  for (const part of [...inner, name]) {
    level = join(level, part)
    make(level)
    checkPrivate(level)
  }
  return directory
}

/** The names that have a directory here, running or not. */
export function runNames(env: NodeJS.ProcessEnv = process.env): string[] {
  try {
    return readdirSync(runsDirectory(env), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Of the sockets of a run this one has the longest path. */
function checkLength(rendezvous: string): string {
  const bytes = Buffer.byteLength(rendezvous)
  if (bytes <= pathLimitBytes) return rendezvous
  throw new HandoffError(
    'ERR_HANDOFF_PATH_TOO_LONG',
    `cannot use ${rendezvous}: it has ${bytes} bytes, and a socket's path may have ${pathLimitBytes}`,
  )
}

function base(env: NodeJS.ProcessEnv): Base {
  if (env.HANDOFF_DIR) return { outer: resolve(env.HANDOFF_DIR), inner: [] }
  const runtime = env.XDG_RUNTIME_DIR
  // After `su` or `sudo` the variable may name another user's directory: then it is not for us.
  if (runtime && statSync(runtime, { throwIfNoEntry: false })?.uid === uid()) {
    return { outer: resolve(runtime), inner: ['handoff'] }
  }
  return { outer: tmpdir(), inner: [`handoff-${uid()}`] }
}

function make(path: string, recursive = false): void {
  try {
    mkdirSync(path, { mode: 0o700, recursive })
  } catch (error) {
    // What is there already is checked by the caller.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw unsafe(path, reasonOf(error), error)
  }
}

/** A directory in which nobody but us (or root) can put another one in the place of ours. */
function checkOuter(path: string): void {
  make(path, true)
  const stat = statSync(path)
  if (!stat.isDirectory()) throw unsafe(path, 'it is not a directory')
  if (stat.uid !== uid() && stat.uid !== 0) {
    throw unsafe(path, `it belongs to uid ${stat.uid}, not to uid ${uid()}`)
  }
  // The sticky bit of /tmp keeps others from renaming what is ours: inode(7).
  const sticky = (stat.mode & 0o1000) !== 0
  if ((stat.mode & 0o022) !== 0 && !sticky)
    throw unsafe(path, `others may write to it${mode(stat)}`)
}

/** A directory that is ours alone: whoever can enter it can connect to the server's sockets. */
function checkPrivate(path: string): void {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) throw unsafe(path, 'it is a symbolic link')
  if (!stat.isDirectory()) throw unsafe(path, 'it is not a directory')
  if (stat.uid !== uid()) {
    throw unsafe(path, `it belongs to uid ${stat.uid}, not to uid ${uid()}`)
  }
  if ((stat.mode & 0o077) !== 0) throw unsafe(path, `others may enter it${mode(stat)}`)
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
