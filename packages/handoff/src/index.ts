// The public surface of socket-handoff.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import type { ConnectionHooks } from './connections/raw/mover.ts'
import type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from './connections/websocket/servers.ts'
import type { StateOptions } from './generation/states.ts'
import type { ListenOptions } from './io/node/listen-arguments.ts'
import type { ExitHook } from './old/exit.ts'
import type { BindSocketOptions } from './process/adopt.ts'
import { checkUnclaimed, claimForProgram } from './process/claim.ts'
import { startHandoff } from './process/create.ts'
import type { HandoffMetrics } from './process/metrics.ts'
import type { HandoffOptions } from './terms/options.ts'

export type { ConnectionHooks } from './connections/raw/mover.ts'
export type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from './connections/websocket/servers.ts'
export type { StateOptions } from './generation/states.ts'
export type { ListenOptions } from './io/node/listen-arguments.ts'
export type { ExitHook } from './old/exit.ts'
export type { BindSocketOptions } from './process/adopt.ts'
export type { HandoffMetrics } from './process/metrics.ts'
export { printable } from './protocol/printable.ts'
export { HandoffError, type HandoffErrorCode, type Serving } from './terms/errors.ts'
export {
  eventsChannel,
  type HandoffEvent,
  type ProcessStage,
  type Stage,
} from './terms/events.ts'
export type { CountedKind, DrainCounts, Fate, Fates, KindCounts } from './terms/fates.ts'
export type { HandoffOptions } from './terms/options.ts'
export { type Description, describe } from './words/describe.ts'

// A program that imports this says itself what is handed over; a preload leaves it alone.
claimForProgram()

/** This process's place in the line of generations. */
export interface Handoff {
  /** 1 for a process that replaced none, else one more than the old process's. */
  readonly generation: number
  /**
   * Makes a server listen: on the listener that the old process handed over, else on a new one.
   * Until {@link Handoff.ready} has resolved, a replacement does not accept; the old process does.
   *
   * @param server - a net, http, https or http2 server, before it listens.
   * @throws the system's error as `server.listen` gives it, such as EADDRINUSE.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_LISTEN_STATE.
   */
  listen(server: Server, options: ListenOptions): Promise<void>
  /**
   * Binds a datagram socket in the same way.
   *
   * @throws the system's error as `socket.bind` gives it.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_LISTEN_STATE.
   */
  bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void>
  /**
   * Lets the open WebSockets of a `ws` server change process, each between two messages: the new
   * process replays its upgrade, and the client keeps its connection.
   *
   * @param server - attached to a server or not; call before its first connection.
   * @returns the undo.
   * @see docs/websockets.md
   */
  webSockets<S extends WebSocketLike>(
    server: WebSocketServerLike<S>,
    hooks?: WebSocketHooks<S>,
  ): () => void
  /**
   * Lets the open connections of a `net.Server` change process, each between two messages of a
   * protocol that the application knows.
   *
   * @param server - speaks neither HTTP nor TLS; call before its first connection.
   * @returns the undo.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   */
  connections(server: Server, hooks: ConnectionHooks): () => void
  /**
   * Tells that something which `atRest` denied has ended, where no message tells it: connections
   * are looked at again.
   */
  rested(): void
  /**
   * Tells whether the connection, or the WebSocket of an upgrade request, was opened in an older
   * process: then its client has been greeted.
   */
  isAdopted(connection: Socket | { readonly socket: Socket }): boolean
  /**
   * Sends every `server.listen(...)` whose server it claims through this handoff: for frameworks
   * that call `listen` themselves.
   *
   * @returns the undo.
   */
  intercept(claims: (server: Server) => boolean): () => void
  /**
   * Hands a value of the application from each generation to the next. Before it serves, the new
   * process has it; an export that fails, and an import before the commit, abort the handoff.
   *
   * @param key - 1 to 200 characters, the same in both generations; none begins with `handoff:`.
   * @param options - values are what JSON can hold, or a Uint8Array, up to 512 MiB.
   * @returns the undo.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   */
  state<T>(key: string, options: StateOptions<T>): () => void
  /**
   * Resolves when this process serves and every older one has gone: for what only one may do, such
   * as cron, queue consumers and migrations. End it in {@link Handoff.onExit}.
   *
   * @remarks Never rejects, and stays pending in a process that never gets so far. It is not taken
   * away: the next generation waits until this process has gone.
   */
  readonly leadership: Promise<void>
  /**
   * Runs before this process exits, after its last connection has ended; the place for
   * `app.close()`.
   *
   * @returns the undo.
   */
  onExit(hook: ExitHook): () => void
  /**
   * Says that this process can serve: every listener that nobody asked for is closed, and the old
   * process commits.
   *
   * @returns when this process serves.
   * @throws {@link HandoffError} when the handoff was aborted; the process then exits with code 1.
   */
  ready(): Promise<void>
  /** Says that this process cannot serve; the old one serves on, and this one exits with code 1. */
  fail(error: unknown): void
  /**
   * Starts the same command again as the replacement of this process.
   *
   * @returns when the new process serves.
   * @throws {@link HandoffError} when it does not; this process then serves on.
   */
  restart(): Promise<void>
  /** Accepts no more, finishes what is under way, runs the exit hooks and exits. */
  stop(): Promise<never>
  metrics(): HandoffMetrics
  /** Closes the listeners and the rendezvous socket without ending the process. */
  close(): void
}

/**
 * Takes this process's place in the line: finds the old process, if there is one, and receives its
 * listeners. Nothing changes for clients before {@link Handoff.ready}.
 *
 * @remarks Takes what its supervisor said out of the environment, and puts it back when it rejects:
 * so a second try has the same old process.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_UNSUPPORTED_PLATFORM, ERR_HANDOFF_ADDON_NOT_FOUND,
 * ERR_HANDOFF_CLUSTER, ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_ALREADY_CREATED,
 * ERR_HANDOFF_RENDEZVOUS_UNSAFE, ERR_HANDOFF_BUSY, ERR_HANDOFF_PEER_DENIED, ERR_HANDOFF_VERSION,
 * ERR_HANDOFF_STOPPING, ERR_HANDOFF_PROTOCOL, ERR_HANDOFF_TRUNCATED,
 * ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_TIMEOUT.
 */
export async function createHandoff(options: HandoffOptions = {}): Promise<Handoff> {
  checkUnclaimed()
  return startHandoff(options, process.env)
}
