// Options of createHandoff, their defaults and their checks. The operator's environment wins.

import { HandoffError } from './errors.ts'
import type { HandoffEvent } from './events.ts'

export interface HandoffOptions {
  /**
   * Path of the rendezvous socket, in a directory of this uid that nobody else may write to.
   *
   * @defaultValue `HANDOFF_RENDEZVOUS`, which `handoff run` sets; without either, this process can
   * be replaced only by its own {@link Handoff.restart}.
   */
  rendezvous?: string
  /**
   * How long the new process may take from its start to `ready`, in milliseconds.
   *
   * @defaultValue 60_000: one minute, as tableflip's DefaultUpgradeTimeout.
   */
  readyTimeoutMs?: number
  /**
   * How long requests in flight may take after the commit, in milliseconds; what is left is closed.
   *
   * @defaultValue 30_000: as Kubernetes' terminationGracePeriodSeconds.
   */
  drainTimeoutMs?: number
  /**
   * How long after the commit the old process stays able to take back, drained or not, in
   * milliseconds.
   *
   * @defaultValue 5_000: a start that fails late mostly fails within its first requests.
   */
  probationMs?: number
  /**
   * User ids, beside this process's own and root, that this process hands over to, and whose directory
   * and rendezvous socket it takes over from. With any of them the socket has mode 0666.
   *
   * @defaultValue `[]`
   */
  allowUids?: readonly number[]
  /**
   * Whether SIGTERM and SIGINT stop this process in order, a second one at once, and, where no
   * supervisor is, SIGUSR2 restarts it, and SIGHUP where a service manager is.
   *
   * @defaultValue `true`
   */
  signals?: boolean
  /** Called with every event of this process, for logs; {@link describe} puts it into words. */
  onEvent?: (event: HandoffEvent) => void
}

export interface Settings {
  /** What the operator or the supervisor said: a replacement that this process starts hears it too. */
  variables: Readonly<Record<string, string>>
  rendezvous: string | undefined
  /** Rendezvous sockets of workers that have no place any more: this process takes over there too. */
  joins: readonly string[]
  /** The number of this process among the workers of its run, from 1. */
  worker: number
  notifySocket: string | undefined
  /** How long a watchdog waits for a word of this process, in milliseconds. */
  watchdogMs: number | undefined
  statusIntervalMs: number | undefined
  /** Which generation this process is where it finds no old one to count on from. */
  firstGeneration: number
  readyTimeoutMs: number
  drainTimeoutMs: number
  probationMs: number
  allowUids: readonly number[]
  signals: boolean
  onEvent: ((event: HandoffEvent) => void) | undefined
}

/** Longest timeout of an option, 24.8 days: what setTimeout takes. */
export const longestMs = 2 ** 31 - 1

/** What the supervisor tells a process, beside the variables of systemd. */
const ownVariables = [
  'HANDOFF_RENDEZVOUS',
  'HANDOFF_STATUS_INTERVAL_MS',
  'HANDOFF_GENERATION',
  'HANDOFF_READY_TIMEOUT_MS',
  'HANDOFF_DRAIN_TIMEOUT_MS',
  'HANDOFF_PROBATION_MS',
  'HANDOFF_JOINS',
  'HANDOFF_DROP',
  'HANDOFF_IDLE',
  'HANDOFF_FIRST_MODULE',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
] as const

export type Variables = Partial<Record<(typeof ownVariables)[number], string>>

/**
 * Joins options and environment, and takes our variables out of the environment: a child of the
 * server must not mistake itself for its replacement. Where it throws it leaves them there.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export function readSettings(
  options: HandoffOptions,
  env: NodeJS.ProcessEnv,
  pid = process.pid,
): Settings {
  const variables = readVariables(env, pid)
  const milliseconds = (
    option: 'readyTimeoutMs' | 'drainTimeoutMs' | 'probationMs',
    variable: (typeof ownVariables)[number],
    fallback: number,
  ): number => {
    const text = variables[variable]
    if (text !== undefined) return checkMs(variable, numberOf(text))
    return checkMs(option, options[option] ?? fallback)
  }
  const interval = variables.HANDOFF_STATUS_INTERVAL_MS
  const settings = {
    variables,
    rendezvous: variables.HANDOFF_RENDEZVOUS ?? checkPath(options.rendezvous),
    joins: readJoins(variables.HANDOFF_JOINS),
    // A child of a worker has the variable, but is none.
    worker: variables.HANDOFF_RENDEZVOUS === undefined ? 1 : readWorker(env.HANDOFF_WORKER),
    notifySocket: variables.NOTIFY_SOCKET,
    watchdogMs: watchdogMs(variables, pid),
    statusIntervalMs:
      interval === undefined
        ? undefined
        : checkMs('HANDOFF_STATUS_INTERVAL_MS', numberOf(interval), 1),
    firstGeneration: checkGeneration(variables.HANDOFF_GENERATION ?? '1'),
    readyTimeoutMs: milliseconds('readyTimeoutMs', 'HANDOFF_READY_TIMEOUT_MS', 60_000),
    drainTimeoutMs: milliseconds('drainTimeoutMs', 'HANDOFF_DRAIN_TIMEOUT_MS', 30_000),
    probationMs: milliseconds('probationMs', 'HANDOFF_PROBATION_MS', 5_000),
    allowUids: checkUids(options.allowUids ?? []),
    signals: options.signals ?? true,
    onEvent: options.onEvent,
  }
  dropVariables(env)
  return settings
}

/** Undoes what {@link readSettings} did to the environment: a second try finds what the first one did. */
export function giveBack({ variables }: Settings, env: NodeJS.ProcessEnv): void {
  Object.assign(env, variables)
}

/** Takes our variables out of the environment. */
export function takeVariables(env: NodeJS.ProcessEnv, pid = process.pid): Variables {
  const variables = readVariables(env, pid)
  dropVariables(env)
  return variables
}

function readVariables(env: NodeJS.ProcessEnv, pid: number): Variables {
  const variables: Variables = {}
  for (const name of ownVariables) {
    const value = env[name]
    if (value !== undefined && value !== '') variables[name] = value
  }
  // Without the pid from here on: a replacement gets the time, too.
  if (watchdogMs(env, pid) === undefined) delete variables.WATCHDOG_USEC
  return variables
}

function dropVariables(env: NodeJS.ProcessEnv): void {
  for (const name of [...ownVariables, 'WATCHDOG_PID']) delete env[name]
}

/** Reads a number; Number() makes 0 of blanks. */
export function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text)
}

/** systemd's USEC_INFINITY, UINT64_MAX: a time that never comes. */
const usecInfinity = 2 ** 64

/**
 * How long systemd's watchdog waits for a word of this process, in milliseconds.
 *
 * @see sd_watchdog_enabled(3): one that waits for another process is none of our business, and what
 * is no time says nothing.
 */
export function watchdogMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID = String(pid) } = env
  const usec = Number(WATCHDOG_USEC)
  const isTime = usec >= 1_000 && usec < usecInfinity
  return WATCHDOG_PID === String(pid) && isTime ? usec / 1_000 : undefined
}

function checkMs(name: string, value: unknown, least = 0): number {
  if (typeof value !== 'number' || !(value >= least && value <= longestMs)) {
    const range = `${least} to ${longestMs}`
    throw invalid(`${name} is ${String(value)}, not a number of milliseconds from ${range}`)
  }
  return value
}

function checkGeneration(text: string): number {
  const generation = numberOf(text)
  if (Number.isSafeInteger(generation) && generation >= 1) return generation
  throw invalid(`HANDOFF_GENERATION is ${text}, not a whole number from 1`)
}

function checkPath(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !value.startsWith('/')) {
    throw invalid(`rendezvous is ${String(value)}, not an absolute path`)
  }
  return value
}

/** A JSON array of paths. */
function readJoins(text = '[]'): readonly string[] {
  try {
    const paths: unknown = JSON.parse(text)
    if (Array.isArray(paths) && paths.every((path) => typeof path === 'string')) return paths
  } catch {
    // Said below.
  }
  throw invalid(`HANDOFF_JOINS is ${text}, not a JSON array of paths`)
}

/** Left in the environment: the application may ask for it, too. */
function readWorker(text = '1'): number {
  const worker = numberOf(text)
  if (!Number.isInteger(worker) || worker < 1) {
    throw invalid(`HANDOFF_WORKER is ${text}, not a number from 1`)
  }
  return worker
}

function checkUids(value: readonly number[]): readonly number[] {
  if (!Array.isArray(value) || !value.every((uid) => Number.isInteger(uid) && uid >= 0)) {
    throw invalid('allowUids is not a list of user ids')
  }
  return value
}

function invalid(reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', `cannot create the handoff: ${reason}`)
}
