// Makes the environment and the flags of a new process.

import { join } from 'node:path'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { processVariables } from '../../io/system/process-variables.ts'
import type { TlsMode } from '../../terms/options.ts'
import { joinNodeOptions } from './node-options.ts'

/** The options that the operator set, timeouts above all; absent: those of the code, or the defaults. */
export interface Timeouts {
  readonly readyTimeoutMs?: number
  readonly drainTimeoutMs?: number
  readonly probationMs?: number
  /** How long the old and the new process accept side by side at most; 0: not at all. */
  readonly rampMs?: number
  /** What becomes of TLS connections at a handoff. */
  readonly tls?: TlsMode
  /** How long a process that serves may report nothing; 0: no limit. For the supervisor. */
  readonly watchdogMs?: number
  /** How long a new process may report nothing in its probation, without a watchdog. For the supervisor. */
  readonly silenceMs?: number
  /** How long a stop waits for requests under way; absent: the drain timeout. */
  readonly stopPatienceMs?: number
}

/** Variables that are meant for the supervisor alone. */
const stale = [...processVariables, 'NOTIFY_SOCKET', 'WATCHDOG_USEC']

/** How often a process reports its connections. */
const statusIntervalMs = 1000

/** The directory in which Node.js keeps the compiled code of the program. */
export function compileCache(directory: RunDirectory): string {
  return join(directory.path, 'compile-cache')
}

/** The directory in which the supervisor keeps the compiled code of this package: code-cache.ts. */
export function codeCache(directory: RunDirectory): string {
  return join(directory.path, 'code-cache')
}

/**
 * Both, unless the operator has switched them off. Code from a cache makes the coverage of V8 less precise.
 *
 * @see https://nodejs.org/api/module.html#module-compile-cache
 */
function caches(env: NodeJS.ProcessEnv, directory: RunDirectory): NodeJS.ProcessEnv {
  if (env.NODE_DISABLE_COMPILE_CACHE === '1' || env.NODE_V8_COVERAGE) return {}
  return {
    NODE_COMPILE_CACHE: compileCache(directory),
    HANDOFF_CODE_CACHE: codeCache(directory),
  }
}

/** @param directory - of this worker. */
export function generationEnvironment(
  env: NodeJS.ProcessEnv,
  worker: number,
  directory: RunDirectory,
  { readyTimeoutMs, drainTimeoutMs, probationMs, rampMs, tls }: Timeouts,
): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !stale.includes(name) && !isForOther(name)),
  )
  return {
    // A new process boots beside live traffic: compiled code costs it less.
    // Read by Node >= 22.1: https://nodejs.org/api/cli.html#node_compile_cachedir
    ...caches(env, directory),
    ...clean,
    HANDOFF_WORKER: String(worker),
    HANDOFF_RENDEZVOUS: directory.rendezvous,
    NOTIFY_SOCKET: directory.notify,
    HANDOFF_STATUS_INTERVAL_MS: String(statusIntervalMs),
    ...(readyTimeoutMs !== undefined && { HANDOFF_READY_TIMEOUT_MS: String(readyTimeoutMs) }),
    ...(drainTimeoutMs !== undefined && { HANDOFF_DRAIN_TIMEOUT_MS: String(drainTimeoutMs) }),
    ...(probationMs !== undefined && { HANDOFF_PROBATION_MS: String(probationMs) }),
    ...(rampMs !== undefined && { HANDOFF_RAMP_MS: String(rampMs) }),
    ...(tls !== undefined && { HANDOFF_TLS: tls }),
  }
}

/**
 * Returns the text of NODE_OPTIONS with `module` in front: Node.js loads it before other preloads there or on
 * the command line.
 */
export function withFirstModule(module: string, nodeOptions = ''): string {
  const first = joinNodeOptions(['--require', module])
  return nodeOptions === '' ? first : `${first} ${nodeOptions}`
}

/**
 * Returns the flags of node for a new process.
 *
 * @remarks The supervisor or the old process holds the port that an inspect flag names: each process takes a
 * free one. The last flag counts, and those of the command line come after NODE_OPTIONS.
 */
export function generationFlags(execArgv: readonly string[], nodeOptions = ''): string[] {
  const inspects = /(^|\s)--inspect(-brk|-wait|-port)?(=|\s|$)/
  const collides = inspects.test(nodeOptions) || execArgv.some((flag) => inspects.test(flag))
  return collides ? [...execArgv, '--inspect-port=0'] : [...execArgv]
}

/** Variables of this package that are meant for the program, too. */
const forPrograms = new Set([
  'HANDOFF_DIR',
  'HANDOFF_DROP',
  'HANDOFF_IGNORE',
  'HANDOFF_READY',
  'HANDOFF_WARMUP',
])

function isForOther(name: string): boolean {
  return name.startsWith('HANDOFF_') && !forPrograms.has(name)
}
