// Lets the WebSockets of @fastify/websocket routes move to the new process.

import type { FastifyInstance, FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'
import {
  type Handoff,
  HandoffError,
  type WebSocketLike,
  type WebSocketServerLike,
} from 'socket-handoff'

/** The `ws` type of the @fastify/websocket that is installed. */
type RouteSocket = FastifyInstance extends { websocketServer: { clients: Set<infer S> } }
  ? S
  : WebSocketLike

/** How the WebSockets of a route move to the new process. */
export interface WebSocketHandoff {
  /**
   * Returns whether the application has finished its work for this connection. The plugin itself
   * waits for promises that message handlers return.
   *
   * @defaultValue always `true`.
   */
  atRest?(socket: RouteSocket, request: FastifyRequest): boolean
  /** Returns the application's state of the connection, as JSON. No later hook is called here. */
  export?(socket: RouteSocket, request: FastifyRequest): unknown
  /** Receives, after the route's handler, the state that the old process exported. */
  import?(socket: RouteSocket, request: FastifyRequest, state: unknown): void
}

const hookNames = {
  atRest: true,
  export: true,
  import: true,
} as const satisfies Record<keyof WebSocketHandoff, true>

/**
 * Checks the option `handoff` of a route.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION
 */
export function checkRoute({ url, handoff }: RouteOptions): void {
  if (handoff === undefined || typeof handoff === 'boolean') return
  if (typeof handoff !== 'object' || handoff === null) {
    throw invalid(url, `handoff is ${String(handoff)}, not true, false or an object`)
  }
  for (const [name, hook] of Object.entries(handoff)) {
    if (!Object.hasOwn(hookNames, name)) {
      const help = `The options are ${Object.keys(hookNames).join(', ')}.`
      throw invalid(url, `there is no option ${JSON.stringify(`handoff.${name}`)}`, help)
    }
    if (hook !== undefined && typeof hook !== 'function') {
      throw invalid(url, `handoff.${name} is ${String(hook)}, not a function`)
    }
  }
}

function invalid(url: string, reason: string, help?: string): HandoffError {
  const what = `cannot add the route ${url}: ${reason}`
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', what, help === undefined ? {} : { help })
}

type RawRequest = FastifyRequest['raw']

interface Routed {
  request: FastifyRequest
  hooks: WebSocketHandoff
}

/**
 * Opts in the routes that have a `handoff` option.
 *
 * @remarks A hook of each such route records its upgrade requests. So @fastify/websocket may be
 * registered before or after this plugin, and other routes have no extra work.
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
    const record: preHandlerHookHandler = (request, _, done) => {
      routed.set(request.raw, { request, hooks })
      done()
    }
    route.preHandler = [preHandler, record].flat()
    if (servers.has(server)) return
    servers.add(server)
    handoff.moveWebSockets(server, hooksOf(routed))
  })
}

/** Returns hooks of a server that call those of the route. */
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
