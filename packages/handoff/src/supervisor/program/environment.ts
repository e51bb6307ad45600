// The environment and the flags of a new process: nothing of a previous owner, all of the operator.

import { join } from 'node:path'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { processVariables } from '../../io/system/process-variables.ts'
import { joinNodeOptions } from './node-options.ts'

/** What the operator set for the processes; absent: what the code says, or the default. */
export interface Timeouts {
  readonly readyTimeoutMs?: number
  readonly drainTimeoutMs?: number
  readonly probationMs?: number
  /** How long a process that serves may say nothing; 0: for ever. The supervisor's own. */
  readonly watchdogMs?: number
  /** How long a new process may say nothing in its probation, without a watchdog. The supervisor's own. */
  readonly silenceMs?: number
  /** How long a stop waits at most for what is under way; absent: the time to drain. */
  readonly stopPatienceMs?: number
}

/** Set by whoever started the supervisor, for the supervisor alone. */
const stale = [...processVariables, 'NOTIFY_SOCKET', 'WATCHDOG_USEC']

/** How often a process that has news tells its connections. */
const statusIntervalMs = 1000

/** Where the generations keep code that is compiled already. */
export function compileCache(directory: RunDirectory): string {
  return join(directory.path, 'compile-cache')
}

/** @param directory - of this worker. */
export function generationEnvironment(
  env: NodeJS.ProcessEnv,
  worker: number,
  directory: RunDirectory,
  { readyTimeoutMs, drainTimeoutMs, probationMs }: Timeouts,
): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !stale.includes(name) && !ofPreviousOwner(name)),
  )
  return {
    // A replacement boots beside live traffic: code that is compiled already costs it less.
    // Read by Node >= 22.1: https://nodejs.org/api/cli.html#node_compile_cachedir
    NODE_COMPILE_CACHE: compileCache(directory),
    ...clean,
    HANDOFF_WORKER: String(worker),
    HANDOFF_RENDEZVOUS: directory.rendezvous,
    NOTIFY_SOCKET: directory.notify,
    HANDOFF_STATUS_INTERVAL_MS: String(statusIntervalMs),
    ...(readyTimeoutMs !== undefined && { HANDOFF_READY_TIMEOUT_MS: String(readyTimeoutMs) }),
    ...(drainTimeoutMs !== undefined && { HANDOFF_DRAIN_TIMEOUT_MS: String(drainTimeoutMs) }),
    ...(probationMs !== undefined && { HANDOFF_PROBATION_MS: String(probationMs) }),
  }
}

/**
 * The text of NODE_OPTIONS with `module` in front: Node.js loads it before all that is preloaded by
 * other flags there or on the command line.
 */
export function withFirstModule(module: string, nodeOptions = ''): string {
  const first = joinNodeOptions(['--require', module])
  return nodeOptions === '' ? first : `${first} ${nodeOptions}`
}

/**
 * The flags of node for a new process.
 *
 * @remarks The supervisor's own inspector, or that of the old process, holds the port that an
 * inspect flag names: each process takes a free one. The last flag counts, and those of the
 * command line come after NODE_OPTIONS.
 */
export function generationFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const inspects = /(^|\s)--inspect(-brk|-wait|-port)?(=|\s|$)/
  const collides = inspects.test(nodeOptions) || execArgv.some((flag) => inspects.test(flag))
  return collides ? [...execArgv, '--inspect-port=0'] : [...execArgv]
}

/** Where runs are kept, which listeners are not handed over, and when a program is ready. */
const operators = new Set(['HANDOFF_DIR', 'HANDOFF_DROP', 'HANDOFF_IGNORE', 'HANDOFF_READY'])

function ofPreviousOwner(name: string): boolean {
  return name.startsWith('HANDOFF_') && !operators.has(name)
}
