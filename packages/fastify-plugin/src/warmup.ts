// Sends requests to the app before it is ready, so that the first real one meets compiled code.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Warmup, WarmupRequest } from './options.ts'

const defaultCount = 300

/**
 * Injects the requests in turn. Logs each one that fails, once: a failure does not abort the
 * handoff, since health is the health check's matter.
 *
 * @remarks The requests log errors only. All other lines of the application's log appear as always.
 */
export async function warmUp(
  app: FastifyInstance,
  { requests, count = defaultCount }: Warmup,
): Promise<void> {
  if (requests.length === 0) return
  const failed = new Map<WarmupRequest, number>()
  const quiet = quietRequests(app)
  try {
    for (let sent = 0; sent < count; sent++) {
      const request = requests[sent % requests.length] as WarmupRequest
      const { statusCode } = await quiet.run(() => inject(app, request))
      if (statusCode >= 500) failed.set(request, statusCode)
    }
  } finally {
    quiet.end()
  }
  for (const [request, statusCode] of failed) {
    app.log.warn({ request, statusCode }, 'handoff: a warm-up request failed')
  }
}

/** Awaits here, since `app.inject` sends the request when its result is awaited. */
async function inject(
  app: FastifyInstance,
  request: WarmupRequest,
): Promise<LightMyRequestResponse> {
  return await (typeof request === 'string' ? app.inject(request) : app.inject(request))
}

/**
 * Makes the loggers of requests that are sent within `run` log errors only. Fastify makes them by
 * `app.log.child`, whatever the order of routes and plugins.
 */
function quietRequests({ log }: FastifyInstance) {
  const sending = new AsyncLocalStorage<true>()
  const before = Object.getOwnPropertyDescriptor(log, 'child')
  const child = log.child
  log.child = (bindings, options) => {
    const quiet = sending.getStore() === true && !isQuiet(options?.level ?? log.level)
    return child.call(log, bindings, quiet ? { ...options, level: 'error' } : options)
  }
  return {
    run: <T>(send: () => Promise<T>) => sending.run(true, send),
    end() {
      if (before === undefined) Reflect.deleteProperty(log, 'child')
      else Object.defineProperty(log, 'child', before)
    },
  }
}

/** Whether a logger of the level logs no more than errors. */
function isQuiet(level: unknown): boolean {
  return level === 'error' || level === 'fatal' || level === 'silent'
}
