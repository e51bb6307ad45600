// One register line: a Fastify server that is replaced without one client noticing.

import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Handoff } from 'socket-handoff'
import { logEvent } from './log.ts'
import type { FastifyHandoffOptions } from './options.ts'
import { checkHealth, warmUp } from './ready.ts'
import { joinHandoff } from './share.ts'
import { optInRoutes, type WebSocketHandoff } from './websockets.ts'

export type { FastifyHandoffOptions, WarmupRequest } from './options.ts'
export type { WebSocketHandoff } from './websockets.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** This process's place in the line of generations; null where no handoff is configured. */
    handoff: Handoff | null
  }

  interface RouteShorthandOptions {
    /**
     * Lets the WebSockets of this route change process, between two messages; `true` where the
     * application knows nothing of a connection that has to go with it.
     */
    handoff?: boolean | WebSocketHandoff
  }
}

const plugin: FastifyPluginAsync<FastifyHandoffOptions> = async (app, options) => {
  const { warmup, warmupTimes, healthCheck, enabled = isConfigured(options), ...rest } = options
  if (!enabled) {
    app.decorate('handoff', null)
    return
  }
  const share = await joinHandoff({ onEvent: (event) => logEvent(app.log, event), ...rest })
  const { handoff } = share
  app.decorate('handoff', handoff)
  optInRoutes(app, handoff)

  handoff.interceptListen((server) => isServerOf(app, server))
  const undoExit = handoff.onExit(() => app.close())

  app.addHook('onListen', async () => {
    try {
      // The first generation serves already: warming up would only be in its way.
      if (handoff.generation > 1) await warmUp(app, warmup, warmupTimes)
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

/** Whether an operator, a supervisor or systemd asked for a handoff. */
function isConfigured({ rendezvousPath }: FastifyHandoffOptions): boolean {
  const { HANDOFF_RENDEZVOUS, NOTIFY_SOCKET, LISTEN_PID } = process.env
  const activated = LISTEN_PID === String(process.pid)
  return Boolean(rendezvousPath ?? (HANDOFF_RENDEZVOUS || NOTIFY_SOCKET || activated))
}

/**
 * For `localhost`, Fastify listens on several servers of which it shows only the first; they share
 * its request handler.
 */
function isServerOf(app: FastifyInstance, server: NodeJS.EventEmitter): boolean {
  if (server === app.server) return true
  const handlers = app.server.listeners('request')
  return server.listeners('request').some((handler) => handlers.includes(handler))
}

export default fp(plugin, { name: 'fastify-socket-handoff', fastify: '5.x' })
