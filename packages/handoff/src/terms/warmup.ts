// Options of a warm-up: the requests that a new process sends to itself before it is ready.

import { asObject, type Check, checked, count, list, Mismatch, record, upTo } from './checks.ts'
import { HandoffError } from './errors.ts'

/**
 * A request without side effects. A path stands for a GET of it.
 *
 * @remarks The request has the header `handoff-warmup: 1` besides its own.
 */
export type WarmupRequest =
  | string
  | {
      /** The path, with its query. */
      url: string
      /** @defaultValue `GET` */
      method?: string
      headers?: Readonly<Record<string, string>>
      body?: string | Uint8Array
    }

/** Requests that a new process sends to itself before it is ready. */
export interface Warmup {
  /**
   * The requests. They go through a connection, the parser of Node.js, hooks and handlers, so choose
   * requests that change nothing. One that fails is reported and not repeated.
   */
  requests: readonly WarmupRequest[]
  /**
   * How many requests are sent in all, in turn: `requests[0]`, `requests[1]`, …
   *
   * @defaultValue 2,000
   */
  count?: number
  /**
   * How long the warm-up may take, in milliseconds. After that the process becomes ready without the
   * rest.
   *
   * @defaultValue 5,000; half of `readyTimeoutMs`, if that is less.
   */
  timeoutMs?: number
}

/** A request with all its parts. */
export interface CompleteRequest {
  readonly url: string
  readonly method: string
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

/** A warm-up with all its options. */
export interface WarmupPlan {
  readonly requests: readonly CompleteRequest[]
  readonly count: number
  readonly timeoutMs: number
}

/** The header of a request of a warm-up. A client can send it as well. */
const warmupHeader = 'handoff-warmup'

const defaultCount = 2_000
const defaultTimeoutMs = 5_000

/**
 * Checks and completes the options of a warm-up.
 *
 * @param readyTimeoutMs - how long the whole start may take.
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export function readWarmup(warmup: Warmup, readyTimeoutMs: number): WarmupPlan {
  try {
    const given = asObject(warmup, 'the warm-up')
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(names, name))
    if (unknown !== undefined)
      throw new Mismatch(unknown, `one of ${Object.keys(names).join(', ')}`)
    const { requests, count: sent = defaultCount, timeoutMs = defaultTimeoutMs } = given
    return {
      requests: list(request)(requests, 'requests'),
      count: count(sent, 'count'),
      timeoutMs: Math.min(upTo(2 ** 31 - 1)(timeoutMs, 'timeoutMs'), readyTimeoutMs / 2),
    }
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    const reason = `cannot warm up: ${error.message}`
    throw new HandoffError('ERR_HANDOFF_INVALID_OPTION', reason)
  }
}

const names = { requests: true, count: true, timeoutMs: true } satisfies Record<keyof Warmup, true>

/** Whether a value is the path of a request, with or without a query. */
export function isRequestPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/[!-~]*$/.test(value)
}

const path: Check<string> = checked('a path that begins with /', isRequestPath)

/** A token. @see RFC 9110, section 5.6.2 */
const token: Check<string> = checked(
  'a word of HTTP',
  (value) => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value),
)

const fieldValue: Check<string> = checked(
  'the value of a header',
  (value) => typeof value === 'string' && /^[\t -~\u0080-\u00ff]*$/.test(value),
)

const body: Check<string | Uint8Array | undefined> = checked(
  'a string or a Uint8Array',
  (value) => value === undefined || typeof value === 'string' || value instanceof Uint8Array,
)

const request: Check<CompleteRequest> = (value, name) => {
  const given = typeof value === 'string' ? { url: value } : asObject(value, name)
  const { url, method = 'GET', headers = {}, body: content, ...others } = given
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new Mismatch(unknown, 'one of url, method, headers, body')
  const fields = record(fieldValue, token)(headers, 'headers')
  const lower = Object.entries(fields).map(([field, text]) => [field.toLowerCase(), text])
  return {
    url: path(url, 'url'),
    method: token(method, 'method'),
    headers: { ...Object.fromEntries(lower), [warmupHeader]: '1' },
    body: body(content, 'body'),
  }
}
