// Makes the supervisor another release of itself, in the same process: its servers do not notice it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { close } from '../../io/native/descriptors.ts'
import { execProgram } from '../../io/system/exec-program.ts'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { reaper } from '../processes/reaper.ts'
import { checkCommand } from '../program/release.ts'
import { type Snapshot, writeSnapshot } from '../registry/snapshot.ts'

/** Absolute paths of a release. */
export interface Release {
  /** The script of its command. */
  readonly command: string
  /** The Node.js that runs it. */
  readonly node: string
}

/** An upgrade that can begin. */
export interface Upgrade {
  /** The name of the other release, as it reports it. */
  readonly release: string
  /**
   * Becomes the other release.
   *
   * @throws {@link HandoffError} if that fails: this release goes on.
   */
  begin(): never
}

export interface UpgradeContext {
  /** Of the run. */
  readonly name: string
  snapshot(): Snapshot
}

/** How long the check by the other release may take, in milliseconds. */
const checkTimeoutMs = 10_000

/**
 * Returns the release that a request names.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION if a path is missing.
 */
export function releaseOf({ command, node }: Partial<Release>): Release {
  if (command !== undefined && node !== undefined) return { command, node }
  const missing = command === undefined ? 'command' : 'node'
  const what = `cannot upgrade: the request has no ${missing}`
  throw new HandoffError('ERR_HANDOFF_INVALID_OPTION', what)
}

/**
 * Lets the other release check whether it can resume this run.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING;
 * ERR_HANDOFF_UPGRADE if the other release does not run, or cannot resume this run.
 */
export async function prepareUpgrade(to: Release, context: UpgradeContext): Promise<Upgrade> {
  const release = await check(to, context.snapshot())
  return { release, begin: () => begin(to, context) }
}

/** Runs in one turn: later reports of processes wait in the sockets for the other release. */
function begin({ command, node }: Release, context: UpgradeContext): never {
  // Taken again: processes may have started, ended or reported since the check.
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

/** The command line of this process, with the name of the run: the entry that named it may be missing. */
function commandLine(name: string): string[] {
  const [run = '', ...rest] = process.argv.slice(2)
  const named = rest[0] === '--name' && rest[1] === name
  return named ? [run, ...rest] : [run, '--name', name, ...rest]
}

function failed(command: string, reason: string, cause: unknown): HandoffError {
  const message = `cannot upgrade to ${command}: ${reason}`
  return new HandoffError('ERR_HANDOFF_UPGRADE', message, { cause })
}

/** The descriptors that the next release needs. */
function descriptorsOf({ lock, control, inherited, workers }: Snapshot): number[] {
  const named = [...inherited, ...workers.flatMap(({ stored }) => stored)]
  return [lock, control, ...workers.map(({ notify }) => notify), ...named.map(({ fd }) => fd)]
}

async function check({ command, node }: Release, snapshot: Snapshot): Promise<string> {
  const args = [...process.execArgv, command, checkCommand]
  let pid = 0
  try {
    // A few errors (ENOTDIR, ENAMETOOLONG, E2BIG) are thrown here. Most are reported later.
    const asked = promisify(execFile)(node, args, { timeout: checkTimeoutMs })
    pid = asked.child.pid ?? 0
    reaper.onSpawned(pid)
    // It may end without reading the snapshot. Its output counts.
    asked.child.stdin?.on('error', () => {})
    asked.child.stdin?.end(JSON.stringify(snapshot))
    return (await asked).stdout.trim()
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string }
    const why = stderr.split('\n').find((line) => /error|handoff:/i.test(line)) ?? reasonOf(cause)
    throw failed(command, `it cannot resume this run: ${why}`, cause)
  } finally {
    reaper.onExit(pid)
  }
}
