// What `createHandoff` returns: the interface that the application sees.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import type { ConnectionHooks } from '../connections/raw/mover.ts'
import type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from '../connections/websocket/opted-in-servers.ts'
import type { StateOptions } from '../generation/states.ts'
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { ExitHook } from '../old/exit.ts'
import type { Warmup } from '../terms/warmup.ts'
import type { BindSocketOptions } from './listen/adopt-socket.ts'
import type { HandoffMetrics } from './metrics.ts'

/** This process's place in the line of generations. */
export interface Handoff {
  /**
   * Whether another process can take over from this one: `true` until {@link Handoff.release}.
   * `app.handoff` of the Fastify plugin is `false` here if no handoff is configured.
   */
  readonly active: boolean
  /** 1 for a process that replaced no other, else the generation of the old process plus 1. */
  readonly generation: number
  /**
   * Makes a server listen, on the listener of the old process if there is one, else on a new one.
   * A new process accepts no connection before {@link Handoff.ready} resolves; until then the old
   * process accepts.
   *
   * @param server - a net, http, https or http2 server that does not listen yet.
   * @returns when the server listens.
   * @throws the error of `server.listen`, such as EADDRINUSE.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_LISTEN_STATE.
   */
  listen(server: Server, options: ListenOptions): Promise<void>
  /**
   * Binds a datagram socket, on the socket of the old process if there is one, else on a new one.
   *
   * @returns when the socket is bound.
   * @throws the error of `socket.bind`, such as EADDRINUSE.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_LISTEN_STATE.
   */
  bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void>
  /**
   * Lets the open WebSockets of a `ws` server move to the new process, each between two messages.
   * The new process repeats the upgrade in itself; the client keeps its connection.
   *
   * @remarks Call it before the first connection of `server`.
   * @param server - a `WebSocketServer`, with or without an HTTP server of its own.
   * @returns a function that undoes the call.
   * @see docs/websockets.md
   */
  moveWebSockets<S extends WebSocketLike>(
    server: WebSocketServerLike<S>,
    hooks?: WebSocketHooks<S>,
  ): () => void
  /**
   * Lets the open connections of a `net.Server` move to the new process, each between two messages
   * of the application's protocol.
   *
   * @remarks Call it before the first connection of `server`.
   * @param server - a server of `net` or `tls` that does not speak HTTP. A TLS server emits `secureConnection` for
   * connections that arrive.
   * @returns a function that undoes the call.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   * @see docs/websockets.md#raw-tcp
   */
  moveConnections(server: Server, hooks: ConnectionHooks): () => void
  /**
   * Examines all connections again. Call it when `atRest` may now return `true` and no message of
   * the client has caused that.
   */
  recheck(): void
  /**
   * Returns whether the connection, or the connection of an upgrade request, was opened in an older
   * process. The client of such a connection has been greeted already.
   */
  isAdopted(connection: Socket | { readonly socket: Socket }): boolean
  /**
   * Sends each `server.listen(...)` through {@link Handoff.listen} if `filter` returns `true` for
   * the server: for frameworks that call `listen` themselves.
   *
   * @returns a function that undoes the call.
   */
  interceptListen(filter: (server: Server) => boolean): () => void
  /**
   * Hands a value of the application from each generation to the next. The new process has the
   * value before it serves. An `export` that fails aborts the handoff, and so does an `import` that
   * fails before the commit.
   *
   * @param key - 1 to 200 characters, the same in both generations; none begins with `handoff:`.
   * @param options - values are JSON or a Uint8Array, up to 512 MiB each.
   * @returns a function that undoes the call.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   * @see docs/state-and-leadership.md
   */
  state<T>(key: string, options: StateOptions<T>): () => void
  /**
   * Resolves when this process serves and every older process has exited. Start work that only one
   * process may do (cron, queue consumers, migrations) after it, and end it in
   * {@link Handoff.onExit}.
   *
   * @remarks Never rejects; stays pending in a process that never serves. Leadership is not revoked:
   * the next generation waits until this process has exited.
   */
  readonly leadership: Promise<void>
  /**
   * Runs `hook` before this process exits, after its last connection has ended: the place for
   * `app.close()`.
   *
   * @returns a function that undoes the call.
   */
  onExit(hook: ExitHook): () => void
  /**
   * Sends requests to a server of this process, through real connections, while the old process
   * serves: call it before {@link Handoff.ready}, so that the first clients meet compiled code.
   *
   * @remarks Does nothing in a process that replaces no other: clients wait for it. It ends early when
   * the old process ends. A request that fails, and a warm-up that cannot be done, is a `warning` event,
   * and never fails the start. No connection of it counts in {@link Handoff.metrics}.
   * @param server - an http, https or http2 server. It may listen or not.
   * @returns when the requests have been answered, or `timeoutMs` is over.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   * @see docs/warm-up.md
   */
  warmUp(server: Server, warmup: Warmup): Promise<void>
  /**
   * Reports that this process can serve. Listeners that no server of this process uses are closed,
   * and the old process commits.
   *
   * @returns when this process serves.
   * @throws {@link HandoffError} when the handoff was aborted; this process then exits with code 1.
   */
  ready(): Promise<void>
  /**
   * Aborts the handoff because this process cannot serve. The old process serves on, and this
   * process exits with code 1.
   */
  abort(error: unknown): void
  /**
   * Starts the same command again as the new process that replaces this one.
   *
   * @returns when the new process serves and this one has stopped accepting: from then on only the new code
   * answers new connections.
   * @throws {@link HandoffError} when the new process does not serve, or dies in the ramp; this process then
   * serves on.
   */
  restart(): Promise<void>
  /** Accepts no more, finishes requests under way, runs the exit hooks and exits. */
  stop(): Promise<never>
  /** Returns counts of connections and handoffs, and the stage of this process. */
  metrics(): HandoffMetrics
  /**
   * Gives the handoff up without ending the process: closes the listeners and the rendezvous
   * socket. No process can take over from this one any more.
   */
  release(): void
}
