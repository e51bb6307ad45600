// Warms the app up before it is ready, and keeps the requests of the warm-up out of its log.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Handoff, Warmup } from 'socket-handoff'

/**
 * Sends the requests through the server of the app. Those that fail are warnings.
 *
 * @remarks The requests log errors only. All other lines of the application's log appear as always.
 */
export async function warmUp(
  app: FastifyInstance,
  handoff: Handoff,
  warmup: Warmup,
): Promise<void> {
  const undo = quietRequests(app)
  try {
    await handoff.warmUp(app.server, warmup)
  } finally {
    undo()
  }
}

/**
 * Makes the loggers of warm-up requests log errors only. Fastify makes them by `app.log.child` while the
 * server emits `request`, whatever the order of routes and plugins.
 *
 * @remarks Not by AsyncLocalStorage: on Node.js 20 its first use slows the process down for good.
 */
function quietRequests({ log, server }: FastifyInstance): () => void {
  let isQuiet = false
  const begin = ({ headers }: FastifyRequest['raw']) => {
    isQuiet = headers['handoff-warmup'] !== undefined
  }
  const end = () => {
    isQuiet = false
  }
  const before = Object.getOwnPropertyDescriptor(log, 'child')
  const child = log.child
  server.prependListener('request', begin)
  server.on('request', end)
  log.child = (bindings, options) => {
    const lower = isQuiet && logsMore(options?.level ?? log.level)
    return child.call(log, bindings, lower ? { ...options, level: 'error' } : options)
  }
  return () => {
    server.off('request', begin)
    server.off('request', end)
    if (before === undefined) Reflect.deleteProperty(log, 'child')
    else Object.defineProperty(log, 'child', before)
  }
}

/** Whether a logger of the level logs more than errors. */
function logsMore(level: unknown): boolean {
  return level !== 'error' && level !== 'fatal' && level !== 'silent'
}
