// WebSocket routes of @fastify/websocket whose connections change process.

import type { FastifyInstance, FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'
import type { Handoff, WebSocketLike, WebSocketServerLike } from 'socket-handoff'

/** The `ws` type of the @fastify/websocket that is installed. */
type RouteSocket = FastifyInstance extends { websocketServer: { clients: Set<infer S> } }
  ? S
  : WebSocketLike

/** How the WebSockets of a route go over. */
export interface WebSocketHandoff {
  /**
   * Tells whether the application is done with what it does for this connection. Messages whose
   * handler has returned a promise that is not settled are waited for by themselves.
   *
   * @defaultValue always.
   */
  atRest?(socket: RouteSocket, request: FastifyRequest): boolean
  /** Gives what the application knows of the connection, as JSON; the last that it hears of it. */
  export?(socket: RouteSocket, request: FastifyRequest): unknown
  /** Takes up, after the route's handler, what the old process exported. */
  import?(socket: RouteSocket, request: FastifyRequest, state: unknown): void
}

type RawRequest = FastifyRequest['raw']

interface Routed {
  request: FastifyRequest
  hooks: WebSocketHandoff
}

/**
 * Opts in the routes with a `handoff` option, and no others.
 *
 * @remarks Which route an upgrade has come to is noted by a hook of the route itself: so it does
 * not matter whether @fastify/websocket was registered before or after, and other routes cost
 * nothing.
 */
export function optInRoutes(app: FastifyInstance, handoff: Handoff): void {
  const routed = new WeakMap<RawRequest, Routed>()
  const servers = new Set<unknown>()
  app.addHook('onRoute', function (this: FastifyInstance, route: RouteOptions) {
    const { handoff: option, preHandler = [] } = route
    const { websocketServer: server } = this as {
      websocketServer?: WebSocketServerLike<RouteSocket>
    }
    if (option === undefined || option === false || server === undefined) return
    const hooks = option === true ? {} : option
    const note: preHandlerHookHandler = (request, _, done) => {
      routed.set(request.raw, { request, hooks })
      done()
    }
    route.preHandler = [preHandler, note].flat()
    if (servers.has(server)) return
    servers.add(server)
    handoff.moveWebSockets(server, hooksOf(routed))
  })
}

/** The hooks of a server, each of which finds its route's. */
function hooksOf(routed: WeakMap<RawRequest, Routed>) {
  return {
    includes: (_: RouteSocket, raw: RawRequest) => routed.has(raw),
    atRest(socket: RouteSocket, raw: RawRequest) {
      const { hooks, request } = routed.get(raw) as Routed
      return hooks.atRest?.(socket, request) ?? true
    },
    export(socket: RouteSocket, raw: RawRequest) {
      const { hooks, request } = routed.get(raw) as Routed
      return hooks.export?.(socket, request)
    },
    import(socket: RouteSocket, raw: RawRequest, state: unknown) {
      const { hooks, request } = routed.get(raw) as Routed
      hooks.import?.(socket, request, state)
    },
  }
}
