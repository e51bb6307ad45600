// Options of the plugin: those of createHandoff, and what the plugin does before the app is ready.

import type { FastifyInstance } from 'fastify'
import { HandoffError, type HandoffOptions, type Warmup } from 'socket-handoff'

export interface FastifyHandoffOptions extends HandoffOptions {
  /**
   * Whether another process can take over from this server.
   *
   * @defaultValue `true` under `handoff run`, under systemd (`NOTIFY_SOCKET`, or a socket unit) and
   * with a `rendezvousPath`; else `false`, and the plugin changes nothing.
   */
  enabled?: boolean
  /**
   * Requests that a new process sends to its own server, through real connections, before it is ready:
   * see {@link Handoff.warmUp}. They log errors only.
   *
   * @defaultValue none: only the application knows which of its requests change nothing.
   */
  warmup?: Warmup
  /**
   * Returns whether the app can serve; runs before the process is ready. If it returns `false` or
   * throws, the handoff is aborted and the old process serves on. Returning nothing is an error.
   *
   * @defaultValue none: the app is healthy as soon as it listens.
   */
  healthCheck?: (app: FastifyInstance) => boolean | Promise<boolean>
}

/** The options of {@link createHandoff} among those of the plugin. */
const handoffOptions = {
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

/** Options that have another name today. */
const renamed: Readonly<Record<string, string>> = {
  rendezvous: 'rendezvousPath',
  warmupTimes: 'warmup: { requests, count }',
}

const optionNames = [...Object.keys(handoffOptions), 'enabled', 'warmup', 'healthCheck']

/** How many letters may differ in a name that is taken for a mistake. */
const mostDifferent = 2
/** A shorter beginning of a name may mean anything. */
const leastLetters = 4

/**
 * Checks the plugin's own options. A name that is near to one of them is a mistake. Others are allowed: Fastify,
 * its command line and @fastify/autoload pass options of their own to every plugin.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export async function checkOptions(options: FastifyHandoffOptions): Promise<void> {
  for (const name of Object.keys(options)) {
    const meant = optionNames.includes(name) ? undefined : await optionMeantBy(name)
    if (meant === undefined) continue
    throw invalid(`there is no option ${JSON.stringify(name)}`, `Use ${meant}.`)
  }
  const { warmup, healthCheck } = options
  if (warmup !== undefined) checkWarmup(warmup)
  if (healthCheck !== undefined && typeof healthCheck !== 'function') {
    throw invalid(`healthCheck is ${String(healthCheck)}, not a function`)
  }
}

/** Returns the option that is probably meant by an unknown name; undefined if none is near. */
async function optionMeantBy(name: string): Promise<string | undefined> {
  if (Object.hasOwn(renamed, name)) return renamed[name]
  const { closestMatch } = await import('leven')
  const small = name.toLowerCase()
  const known = new Map(optionNames.map((option) => [option.toLowerCase(), option]))
  const begun = [...known.keys()].find(
    (option) => small.length >= leastLetters && option.startsWith(small),
  )
  const near = begun ?? closestMatch(small, [...known.keys()], { maxDistance: mostDifferent })
  return near === undefined ? undefined : known.get(near)
}

function checkWarmup(warmup: Warmup): void {
  const { requests, count, ...others } = Object(warmup) as Warmup
  if (!Array.isArray(requests)) {
    throw invalid(
      'warmup has no list of requests',
      'Write warmup: { requests: [...], count: 300 }.',
    )
  }
  const [other] = Object.keys(others)
  if (other !== undefined) {
    const help = 'The options are requests, count.'
    throw invalid(`there is no option ${JSON.stringify(`warmup.${other}`)}`, help)
  }
  if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) {
    throw invalid(`warmup.count is ${String(count)}, not a whole number from 0`)
  }
}

/** Returns the options that {@link createHandoff} takes. */
export function handoffOptionsOf(options: FastifyHandoffOptions): HandoffOptions {
  const own = Object.entries(options).filter(([name]) => Object.hasOwn(handoffOptions, name))
  return Object.fromEntries(own)
}

function invalid(reason: string, help?: string): HandoffError {
  const what = `cannot register fastify-socket-handoff: ${reason}`
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', what, help === undefined ? {} : { help })
}
