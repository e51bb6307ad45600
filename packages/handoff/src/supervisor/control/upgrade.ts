// This supervisor becomes another release of itself, in the same process: its servers notice nothing.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { close } from '../../io/native/descriptors.ts'
import { execProgram } from '../../io/system/exec-program.ts'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { reaper } from '../processes/reaper.ts'
import { checkCommand } from '../program/release.ts'
import { type Snapshot, writeSnapshot } from '../registry/snapshot.ts'

/** Where a release is: both are absolute paths. */
export interface Release {
  /** The script of its command. */
  readonly command: string
  /** The Node.js that runs it. */
  readonly node: string
}

/** What stands ready. */
export interface Upgrade {
  /** As the other one tells it. */
  readonly release: string
  /**
   * Becomes the other release.
   *
   * @throws {@link HandoffError} where that fails, and this one goes on.
   */
  begin(): never
}

export interface UpgradeContext {
  /** Of the run. */
  readonly name: string
  snapshot(): Snapshot
}

/** How long the other release may take to say that it can, in milliseconds. */
const checkTimeoutMs = 10_000

/**
 * Returns the release that a request names.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION if it names none.
 */
export function releaseOf({ command, node }: Partial<Release>): Release {
  if (command !== undefined && node !== undefined) return { command, node }
  const missing = command === undefined ? 'command' : 'node'
  const what = `cannot upgrade: the request has no ${missing}`
  throw new HandoffError('ERR_HANDOFF_INVALID_OPTION', what)
}

/**
 * Asks the other release whether it can go on here.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING;
 * ERR_HANDOFF_UPGRADE where the other release does not run, or cannot resume this run.
 */
export async function prepareUpgrade(to: Release, context: UpgradeContext): Promise<Upgrade> {
  const release = await check(to, context.snapshot())
  return { release, begin: () => begin(to, context) }
}

/** In one turn: what a process tells after the snapshot waits in our socket for the other release. */
function begin({ command, node }: Release, context: UpgradeContext): never {
  // Taken once more: processes may have come, gone or told something since the check.
  const snapshot = context.snapshot()
  let fd: number | undefined
  try {
    const file = writeSnapshot(snapshot)
    fd = file.fd
    return execProgram({
      file: node,
      args: [...process.execArgv, command, ...commandLine(context.name)],
      env: { ...process.env, ...file.env },
      keep: [file.fd, ...descriptorsOf(snapshot)],
    })
  } catch (cause) {
    throw failed(command, reasonOf(cause), cause)
  } finally {
    if (fd !== undefined) close(fd)
  }
}

/** The same, with the name: the entry, which it was made of, may be gone since. */
function commandLine(name: string): string[] {
  const [run = '', ...rest] = process.argv.slice(2)
  const named = rest[0] === '--name' && rest[1] === name
  return named ? [run, ...rest] : [run, '--name', name, ...rest]
}

function failed(command: string, reason: string, cause: unknown): HandoffError {
  const message = `cannot upgrade to ${command}: ${reason}`
  return new HandoffError('ERR_HANDOFF_UPGRADE', message, { cause })
}

/** All that the next release goes on with. */
function descriptorsOf({ lock, control, inherited, workers }: Snapshot): number[] {
  const named = [...inherited, ...workers.flatMap(({ stored }) => stored)]
  return [lock, control, ...workers.map(({ notify }) => notify), ...named.map(({ fd }) => fd)]
}

async function check({ command, node }: Release, snapshot: Snapshot): Promise<string> {
  const args = [...process.execArgv, command, checkCommand]
  let pid = 0
  try {
    // Most errors come later. A few (ENOTDIR, ENAMETOOLONG, E2BIG) are thrown here.
    const asked = promisify(execFile)(node, args, { timeout: checkTimeoutMs })
    pid = asked.child.pid ?? 0
    reaper.onSpawned(pid)
    // It may have ended without reading it; what it says counts.
    asked.child.stdin?.on('error', () => {})
    asked.child.stdin?.end(JSON.stringify(snapshot))
    return (await asked).stdout.trim()
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string }
    const why = stderr.split('\n').find((line) => /error|handoff:/i.test(line)) ?? reasonOf(cause)
    throw failed(command, `it cannot go on with this run: ${why}`, cause)
  } finally {
    reaper.onExit(pid)
  }
}
