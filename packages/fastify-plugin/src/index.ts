// The Fastify plugin: one `register` line, and a new process can take over from the server.

import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Handoff } from 'socket-handoff'
import { checkHealth } from './health.ts'
import { inactiveHandoff } from './inactive.ts'
import { logEvent } from './log.ts'
import { checkOptions, type FastifyHandoffOptions, handoffOptionsOf } from './options.ts'
import { joinHandoff } from './share.ts'
import { warmUp } from './warmup.ts'
import { checkRoute, optInRoutes, type WebSocketHandoff } from './websockets.ts'

export type { Warmup, WarmupRequest } from 'socket-handoff'
export type { FastifyHandoffOptions } from './options.ts'
export type { WebSocketHandoff } from './websockets.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * This process's place in the line of generations.
     *
     * @remarks If no handoff is configured, `active` is `false`. Then the process is generation 1 and
     * leads; `listen` and `bind` are Node's own; registrations do nothing and never call their hooks;
     * `metrics()` has zeros; `restart()` and `stop()` reject with ERR_HANDOFF_INACTIVE, and
     * `abort()` throws it.
     */
    handoff: Handoff
  }

  interface RouteShorthandOptions {
    /**
     * Lets the WebSockets of this route move to the new process, each between two messages. `true`
     * means without hooks: the application has no state of a connection to hand over.
     */
    handoff?: boolean | WebSocketHandoff
  }
}

const plugin: FastifyPluginAsync<FastifyHandoffOptions> = async (app, options) => {
  await checkOptions(options)
  app.addHook('onRoute', checkRoute)
  const { warmup, healthCheck, enabled = isConfigured(options) } = options
  if (!enabled) {
    app.decorate('handoff', inactiveHandoff)
    return
  }
  const share = await joinHandoff({
    onEvent: (event) => logEvent(app.log, event),
    ...handoffOptionsOf(options),
  })
  const { handoff } = share
  app.decorate('handoff', handoff)
  optInRoutes(app, handoff)

  handoff.interceptListen((server) => isServerOf(app, server))
  const undoExit = handoff.onExit(() => app.close())

  app.addHook('onListen', async () => {
    try {
      if (warmup !== undefined) await warmUp(app, handoff, warmup)
      await checkHealth(app, healthCheck)
      share.ready()
    } catch (error) {
      handoff.abort(error)
    }
  })
  app.addHook('onClose', async () => {
    undoExit()
    share.leave()
  })
}

/** Whether an operator, a supervisor or systemd has configured a handoff. */
function isConfigured({ rendezvousPath }: FastifyHandoffOptions): boolean {
  const { HANDOFF_RENDEZVOUS, NOTIFY_SOCKET, LISTEN_PID } = process.env
  const activated = LISTEN_PID === String(process.pid)
  return Boolean(rendezvousPath ?? (HANDOFF_RENDEZVOUS || NOTIFY_SOCKET || activated))
}

/**
 * For `localhost` Fastify listens on several servers and exposes only the first. All of them have
 * its request handler.
 */
function isServerOf(app: FastifyInstance, server: NodeJS.EventEmitter): boolean {
  if (server === app.server) return true
  const handlers = app.server.listeners('request')
  return server.listeners('request').some((handler) => handlers.includes(handler))
}

/** The plugin; also the default export. */
export const fastifySocketHandoff = fp(plugin, { name: 'fastify-socket-handoff', fastify: '5.x' })
export default fastifySocketHandoff
