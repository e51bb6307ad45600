// Gathers facts about this machine and the surroundings of the command.

import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkTls } from '../../io/loopback/check-tls.ts'
import { loadNative } from '../../io/native/addon.ts'
import {
  openRunDirectory,
  pathLimitBytes,
  type RunDirectory,
  runsDirectory,
  unusable,
} from '../../io/rendezvous/run-directory.ts'
import { packageNameHere } from '../../supervisor/program/entry.ts'
import { type EntryFacts, entryFacts } from './entry-facts.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import { type UnitFacts, unitFacts } from './unit-facts.ts'

/** The directory of the sockets of a run, or of all runs if no run is known. */
export interface PlaceFacts {
  readonly path: string
  /** Of all runs. */
  readonly runs: string
  /** The longest path of a socket in it; of the directory of all runs without the name of a run. */
  readonly socketBytes: number
  readonly limitBytes: number
  readonly trouble: Trouble | undefined
}

export interface Facts {
  readonly platform: NodeJS.Platform
  /** As `process.versions.node`. */
  readonly node: string
  readonly env: NodeJS.ProcessEnv
  /** The flags of node itself. */
  readonly execArgv: readonly string[]
  /** Why the native core does not load. */
  readonly addonTrouble: Trouble | undefined
  /** Why TLS connections cannot change process. */
  readonly tlsTrouble: string | undefined
  /** RLIMIT_NOFILE; undefined without /proc. */
  readonly openFiles: number | undefined
  /** net.unix.max_dgram_qlen; undefined without /proc. */
  readonly datagramQueue: number | undefined
  readonly place: PlaceFacts
  /** The systemd service in which this runs. */
  readonly unit: UnitFacts | undefined
  /** Undefined if no entry was named. */
  readonly entry: EntryFacts | undefined
}

export async function gatherFacts(entry: string | undefined): Promise<Facts> {
  const found = entry === undefined ? undefined : entryFacts(entry)
  const addonTrouble = troubleOf(loadNative)
  return {
    platform: process.platform,
    node: process.versions.node,
    env: process.env,
    execArgv: process.execArgv,
    addonTrouble,
    tlsTrouble: addonTrouble === undefined ? await checkTls() : undefined,
    openFiles: openFilesLimit(textOf('/proc/self/limits')),
    datagramQueue: numberIn(textOf('/proc/sys/net/unix/max_dgram_qlen')),
    // As the other commands find the run.
    place: placeFacts(found?.name ?? packageNameHere()),
    unit: unitFacts(process.env, textOf('/proc/self/cgroup')),
    entry: found,
  }
}

/**
 * Reads the soft limit, which Node raises to the hard limit when it starts.
 *
 * @see proc_pid_limits(5); src/node.cc `PlatformInit`
 */
export function openFilesLimit(limits: string | undefined): number | undefined {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '') ?? []
  return soft === 'unlimited' ? Infinity : numberIn(soft)
}

/** Tries the directory as `handoff run` does, and removes directories that it has created. */
function placeFacts(name: string | undefined): PlaceFacts {
  const runs = runsDirectory()
  const tried = name ?? `doctor-${process.pid}`
  const missing = missingLevels(join(runs, tried))
  const trouble = troubleOf(() => tryToWrite(openRunDirectory(tried)))
  for (const directory of missing) if (existsSync(directory)) rmdirSync(directory)
  const path = name === undefined ? runs : join(runs, name)
  const socketBytes = Buffer.byteLength(join(path, 'rendezvous.sock'))
  return { path, runs, socketBytes, limitBytes: pathLimitBytes, trouble }
}

/** Writes a page: a full or read-only file system refuses it. */
function tryToWrite({ path }: RunDirectory): void {
  const file = join(path, `doctor-${process.pid}`)
  try {
    writeFileSync(file, Buffer.alloc(4096), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw unusable(path, error)
  } finally {
    rmSync(file, { force: true })
  }
}

/** Returns the levels of a directory that do not exist, the innermost first. */
function missingLevels(path: string): string[] {
  return existsSync(path) ? [] : [path, ...missingLevels(dirname(path))]
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, 10)
}

/** Reads a file of the kernel; undefined if it does not exist. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
