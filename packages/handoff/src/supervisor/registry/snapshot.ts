// The state that a supervisor leaves to the next release in the same process.

import { readValueFile, writeValueFileSync } from '../../io/channel/value-file.ts'
import type { NamedDescriptor } from '../../io/listeners/inherited-variables.ts'
import { close, isDescriptor } from '../../io/native/descriptors.ts'
import { HandoffError } from '../../terms/errors.ts'
import type { Program } from '../program/program.ts'
import type { ProcessRecord, Registry } from './registry.ts'
import type { Status } from './run-status.ts'

/** Is raised when a release cannot resume the state of an older one. */
export const snapshotVersion = 1

/**
 * The state that the command line does not have. Descriptors are numbers: they stay open under the same
 * numbers.
 */
export interface Snapshot extends FleetSnapshot {
  readonly version: typeof snapshotVersion
  /** The release that wrote it. */
  readonly release: string
  readonly lock: number
  readonly control: number
  readonly inherited: readonly NamedDescriptor[]
}

export interface FleetSnapshot {
  /** How many workers have a place. */
  readonly count: number
  /** Whether all of them have served, which was reported to the service manager. */
  readonly hasBeenReady: boolean
  /** The handoffs of workers that were removed. */
  readonly past: Status['handoffs']
  readonly workers: readonly WorkerSnapshot[]
}

/** The children of a process that has ended, and when they get SIGKILL. */
export interface LeftSession {
  /** The pid of the process that led it. */
  readonly leader: number
  readonly killInMs: number
}

export interface WorkerSnapshot {
  readonly number: number
  readonly hasServed: boolean
  readonly hasLeft: boolean
  readonly notify: number
  /** The listeners kept for a crash. */
  readonly stored: readonly NamedDescriptor[]
  readonly registry: RegistrySnapshot
  /** The pids of the processes that are children of the supervisor. */
  readonly children: readonly number[]
  /** Children of processes that have ended; absent in the state of an older release. */
  readonly remains?: readonly LeftSession[]
  readonly inForce: Program
  /** By pid. */
  readonly programs: readonly (readonly [number, Program])[]
}

export type RegistrySnapshot = Omit<Registry, 'processes' | 'serving' | 'left'> & {
  readonly processes: readonly ProcessRecord[]
  readonly serving: number | null
  readonly left: number | null
}

/** The variable that names the descriptor of the snapshot and its length: `FD:BYTES`. */
const variable = 'HANDOFF_RESUME'

/**
 * Writes a snapshot for the program that this process becomes.
 *
 * @returns the variables to give to it, and the descriptor to keep, which the caller owns.
 * @throws a system error: `ENOSPC`, `EMFILE`.
 */
export function writeSnapshot(snapshot: Snapshot): { env: NodeJS.ProcessEnv; fd: number } {
  const bytes = Buffer.from(JSON.stringify(snapshot))
  const fd = writeValueFileSync(bytes)
  return { env: { [variable]: `${fd}:${bytes.length}` }, fd }
}

/**
 * Reads the state that the release before has left, once.
 *
 * @returns undefined at an ordinary start.
 * @throws {@link HandoffError} ERR_HANDOFF_VERSION if this release cannot resume it.
 */
export function takeSnapshot(env: NodeJS.ProcessEnv): Snapshot | undefined {
  const text = env[variable]
  delete env[variable]
  if (text === undefined) return undefined
  const [fd = Number.NaN, length = Number.NaN] = text.split(':').map(Number)
  if (!isDescriptor(fd)) return parseSnapshot('')
  const bytes = readValueFile(fd, length)
  close(fd)
  return parseSnapshot(bytes?.toString() ?? '')
}

/** @throws {@link HandoffError} ERR_HANDOFF_VERSION */
export function parseSnapshot(text: string): Snapshot {
  const { version } = readJson(text)
  if (version !== snapshotVersion) {
    throw new HandoffError(
      'ERR_HANDOFF_VERSION',
      `cannot resume the run: the state of the release before has version ${version}, and this release reads version ${snapshotVersion}`,
    )
  }
  return readJson(text) as Snapshot
}

function readJson(text: string): Partial<Snapshot> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

export function snapshotRegistry(registry: Registry): RegistrySnapshot {
  const { processes, serving = null, left = null, ...rest } = registry
  return { ...rest, processes: [...processes.values()], serving, left }
}

export function resumeRegistry(snapshot: RegistrySnapshot): Registry {
  const { processes, serving, left, ...rest } = snapshot
  return {
    ...rest,
    processes: new Map(processes.map((record) => [record.pid, record])),
    serving: serving ?? undefined,
    left: left ?? undefined,
  }
}
