// Options of createHandoff, their defaults and their checks. The environment overrides options.

import {
  type Check,
  checked,
  flag,
  list,
  Mismatch,
  oneOf,
  parsed,
  text as string,
  withDefault,
} from './checks.ts'
import { HandoffError } from './errors.ts'
import type { HandoffEvent } from './events.ts'
import { dropVariables, numberOf, readVariables, type Variables, watchdogMs } from './variables.ts'

/** Options of {@link createHandoff}. All times are in milliseconds. */
export interface HandoffOptions {
  /**
   * Absolute path of the rendezvous socket, on which the new process finds the old one. Its directory
   * belongs to this process's user, and no other user may write to it.
   *
   * @defaultValue the variable `HANDOFF_RENDEZVOUS`, which `handoff run` sets. Without both, only
   * {@link Handoff.restart} can replace this process.
   */
  rendezvousPath?: string
  /**
   * How long the new process may take from its start to {@link Handoff.ready}, in milliseconds. After
   * that the handoff is aborted, and the old process serves on.
   *
   * @defaultValue 60_000: one minute, as tableflip's DefaultUpgradeTimeout.
   */
  readyTimeoutMs?: number
  /**
   * How long requests in flight may take after the commit, in milliseconds. After that their
   * connections are closed.
   *
   * @defaultValue 30_000: as Kubernetes' terminationGracePeriodSeconds.
   */
  drainTimeoutMs?: number
  /**
   * How long after the commit the old process can take back, in milliseconds, even if it has finished
   * draining.
   *
   * @defaultValue 5_000: a start that fails late usually fails within its first requests.
   */
  probationMs?: number
  /**
   * How long this process and its successor accept connections side by side, at most, in milliseconds.
   * The ramp ends as soon as the new process is as quick as the old one was. 0: none. It takes place
   * only if both processes want it, the old one has no datagram socket, and no state is exported at
   * the commit.
   *
   * @defaultValue 3_000
   */
  rampMs?: number
  /**
   * What becomes of TLS connections at a handoff. `move`: HTTPS/1.1 connections, and those that opted in, go to the new
   * process with their keys (docs/tls.md). `close`: their clients are asked to connect again.
   *
   * @defaultValue `'move'`
   */
  tls?: TlsMode
  /**
   * Further user ids that this process trusts, beside its own and root: it hands over to their
   * processes, and takes over from their directories and rendezvous sockets. With at least one id
   * the rendezvous socket has mode 0666.
   *
   * @defaultValue `[]`
   */
  allowUids?: readonly number[]
  /**
   * Whether this process handles signals. SIGTERM and SIGINT stop it gracefully; a second one stops
   * it immediately. Without a supervisor SIGUSR2 restarts it. Under a service manager SIGHUP does so
   * as well.
   *
   * @defaultValue `true`
   */
  signals?: boolean
  /** Called with every event of this process, for logs; {@link describe} puts it into words. */
  onEvent?: (event: HandoffEvent) => void
}

/** What becomes of TLS connections at a handoff. */
export type TlsMode = 'move' | 'close'

/** Options and environment of a process, joined and checked. */
export interface Settings {
  /** The variables of the supervisor or operator. A new process that this one starts gets them as well. */
  variables: Readonly<Record<string, string>>
  rendezvousPath: string | undefined
  /** Rendezvous sockets of surplus workers: this process takes over from them as well. */
  joins: readonly string[]
  /** The number of this process among the workers of its run, from 1. */
  worker: number
  notifySocket: string | undefined
  /** How long a watchdog waits for a message of this process, in milliseconds. */
  watchdogMs: number | undefined
  statusIntervalMs: number | undefined
  /** The generation of this process if it finds no old process. */
  firstGeneration: number
  readyTimeoutMs: number
  drainTimeoutMs: number
  probationMs: number
  /** How long both processes accept at most, after the commit. 0: not at all. */
  rampMs: number
  tls: TlsMode
  allowUids: readonly number[]
  signals: boolean
  onEvent: ((event: HandoffEvent) => void) | undefined
}

/** The longest timeout of an option, 24.8 days: the limit of setTimeout. */
export const longestMs = 2 ** 31 - 1

/**
 * Joins options and environment, and removes our variables from the environment: a child of the
 * server must not mistake itself for the new process. The variables stay if an option is wrong.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export function readSettings(
  options: HandoffOptions,
  env: NodeJS.ProcessEnv,
  pid = process.pid,
): Settings {
  checkKnown(options)
  const variables = readVariables(env, pid)
  const timeoutOf = (
    option: 'readyTimeoutMs' | 'drainTimeoutMs' | 'probationMs' | 'rampMs',
    variable: keyof Variables,
    fallback: number,
  ): number => {
    const text = variables[variable]
    if (text !== undefined) return read(variable, numberOf(text), timeout)
    return read(option, options[option] ?? fallback, timeout)
  }
  const interval = variables.HANDOFF_STATUS_INTERVAL_MS
  const settings = {
    variables,
    rendezvousPath:
      variables.HANDOFF_RENDEZVOUS ??
      read(
        'rendezvousPath',
        options.rendezvousPath,
        withDefault<string | undefined>(path, undefined),
      ),
    joins: read('HANDOFF_JOINS', variables.HANDOFF_JOINS ?? '[]', pathsAsJson),
    // A child of a worker inherits HANDOFF_WORKER, but is no worker.
    worker:
      variables.HANDOFF_RENDEZVOUS === undefined
        ? 1
        : read('HANDOFF_WORKER', env.HANDOFF_WORKER ?? '1', ordinal),
    notifySocket: variables.NOTIFY_SOCKET,
    watchdogMs: watchdogMs(variables, pid),
    statusIntervalMs:
      interval === undefined
        ? undefined
        : read('HANDOFF_STATUS_INTERVAL_MS', numberOf(interval), milliseconds(1)),
    firstGeneration: read('HANDOFF_GENERATION', variables.HANDOFF_GENERATION ?? '1', ordinal),
    readyTimeoutMs: timeoutOf('readyTimeoutMs', 'HANDOFF_READY_TIMEOUT_MS', 60_000),
    drainTimeoutMs: timeoutOf('drainTimeoutMs', 'HANDOFF_DRAIN_TIMEOUT_MS', 30_000),
    probationMs: timeoutOf('probationMs', 'HANDOFF_PROBATION_MS', 5_000),
    // A program that must not serve beside its successor knows that better than the operator.
    rampMs: options.rampMs === 0 ? 0 : timeoutOf('rampMs', 'HANDOFF_RAMP_MS', 3_000),
    // As of the ramp: a program that forbids it knows more than the operator.
    tls: options.tls === 'close' ? 'close' : tlsModeOf(options, variables),
    allowUids: read('allowUids', options.allowUids ?? [], uids),
    signals: read('signals', options.signals ?? true, flag),
    onEvent: read('onEvent', options.onEvent, isListener),
  }
  dropVariables(env)
  return settings
}

function tlsModeOf({ tls = 'move' }: HandoffOptions, { HANDOFF_TLS }: Variables): TlsMode {
  if (HANDOFF_TLS !== undefined) return read('HANDOFF_TLS', HANDOFF_TLS, tlsMode)
  return read('tls', tls, tlsMode)
}

/** Puts the variables back that {@link readSettings} removed, for a second try. */
export function restoreVariables({ variables }: Settings, env: NodeJS.ProcessEnv): void {
  Object.assign(env, variables)
}

function milliseconds(least: number): Check<number> {
  return checked(
    `a number of milliseconds from ${least} to ${longestMs}`,
    (value) => typeof value === 'number' && value >= least && value <= longestMs,
  )
}

const timeout = milliseconds(0)

const tlsMode = oneOf('move', 'close')

const path = parsed('an absolute path', (text) => (text.startsWith('/') ? text : undefined))

/** A whole number from 1, as text. */
const ordinal = parsed('a whole number from 1', (text) => {
  const number = numberOf(text)
  return Number.isSafeInteger(number) && number >= 1 ? number : undefined
})

const pathsAsJson = parsed('a JSON array of paths', (text): readonly string[] | undefined => {
  try {
    return list(string)(JSON.parse(text), 'paths')
  } catch {
    return undefined
  }
})

const uids: Check<readonly number[]> = checked(
  'a list of user ids',
  (value) => Array.isArray(value) && value.every((uid) => Number.isInteger(uid) && uid >= 0),
)

const isListener: Check<HandoffOptions['onEvent']> = checked(
  'a function',
  (value) => value === undefined || typeof value === 'function',
)

function read<T>(name: string, value: unknown, check: Check<T>): T {
  try {
    return check(value, name)
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw invalid(`${name} is ${shown(value)}, not ${error.expected}`)
  }
}

/** An empty text would leave a gap in the sentence. */
function shown(value: unknown): string {
  return value === '' ? 'empty' : String(value)
}

/** Options that have another name today. */
const renamed: Readonly<Record<string, string>> = { rendezvous: 'rendezvousPath' }

const optionNames = {
  rendezvousPath: true,
  readyTimeoutMs: true,
  drainTimeoutMs: true,
  probationMs: true,
  rampMs: true,
  tls: true,
  allowUids: true,
  signals: true,
  onEvent: true,
} as const satisfies Record<keyof HandoffOptions, true>

function checkKnown(options: HandoffOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(optionNames, name)) continue
    const now = Object.hasOwn(renamed, name) ? renamed[name] : undefined
    const help =
      now === undefined ? `The options are ${Object.keys(optionNames).join(', ')}` : `Use ${now}`
    throw invalid(`there is no option ${JSON.stringify(name)}`, `${help}.`)
  }
}

function invalid(reason: string, help?: string): HandoffError {
  const what = `cannot create the handoff: ${reason}`
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', what, help === undefined ? {} : { help })
}
