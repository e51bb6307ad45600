// The handoff of one process, as the application and the preload use it.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import { isAdopted } from '../connections/moving/adopted-sockets.ts'
import type { ConnectionHooks } from '../connections/raw/mover.ts'
import type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from '../connections/websocket/opted-in-servers.ts'
import type { StateOptions } from '../generation/states.ts'
import { interceptListen } from '../io/hooks/listen-hook.ts'
import { speaksHttp } from '../io/loopback/exchange.ts'
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { System } from '../io/system/system.ts'
import type { ExitHook } from '../old/exit.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import { HandoffError } from '../terms/errors.ts'
import type { Settings } from '../terms/options.ts'
import { readWarmup, type Warmup } from '../terms/warmup.ts'
import { Ending } from './ending.ts'
import { Entry } from './entry.ts'
import type { BindSocketOptions } from './listen/adopt-socket.ts'
import type { HandoffMetrics } from './metrics.ts'
import type { Handoff } from './public-handoff.ts'
import { warmUp } from './warm-up/warm-up.ts'
import { type Parts, wire } from './wiring.ts'

export class HandoffProcess implements Handoff {
  readonly #settings: Settings
  readonly #system: System
  readonly #parts: Parts
  readonly #ending: Ending
  readonly #entry: Entry

  /** @param onRelease - called when the application releases the handoff. */
  constructor(settings: Settings, system: System, onRelease: () => void = () => {}) {
    const world = { system, settings }
    this.#settings = settings
    this.#system = system
    this.#parts = wire(settings, system, {
      gaveUp: (error) => this.#ending.endFailed(error),
      leave: () => void this.#ending.exit(),
    })
    this.#ending = new Ending(this.#parts, world, onRelease)
    this.#entry = new Entry(this.#parts, world, {
      ending: this.#ending,
      restart: () => this.restart(),
    })
  }

  get active(): boolean {
    return !this.#ending.isReleased
  }

  get generation(): number {
    return this.#parts.birth.generation
  }

  /** Whether this process received its listeners from an old process. */
  get replaces(): boolean {
    return this.#parts.birth.replaces !== null
  }

  /** The pid of the old process, if there is one and the kernel says which. */
  get oldPid(): number | undefined {
    return this.#parts.birth.replaces?.pid || undefined
  }

  /** Whether listeners came from the old process. */
  get hasReceived(): boolean {
    return this.receivedPorts.length > 0
  }

  /** Resolves when this process serves; rejects if it never will. */
  get serving(): Promise<void> {
    return this.#parts.birth.serving
  }

  /** Whether a server of the application listens through this handoff. */
  get listens(): boolean {
    return [...this.#parts.holdings.gates].some(({ held }) => held.refusal === undefined)
  }

  /**
   * Whether a server here may only probe its port. The servers of a replacement that answer HTTP requests do
   * not: libraries that look for a free port listen with a server of `node:net`.
   */
  get mayProbe(): boolean {
    return !this.replaces || [...this.#parts.holdings.gates].some((gate) => !gate.answersRequests)
  }

  /** Listeners that came to this process, and that no server here has claimed. */
  get unclaimed(): readonly ManifestEntry[] {
    return this.#parts.holdings.listeners.unclaimed
  }

  /** Ports of the listeners that came to this process, in use or not. */
  get receivedPorts(): readonly number[] {
    const { listeners } = this.#parts.holdings
    const used = listeners.all().filter(({ receivedAs }) => receivedAs !== undefined)
    return [...listeners.unclaimed, ...used.map(({ entry }) => entry)].map(({ port }) => port)
  }

  /** Calls back whenever a listener was closed; one callback at most. */
  onListenerClosed(callback: () => void): void {
    this.#parts.holdings.onClosed = callback
  }

  /** Sets what explains why this process is not ready yet; it returns undefined if nothing does. */
  explainDelay(explain: () => string | undefined): void {
    this.#parts.birth.explainDelay(explain)
  }

  /** Reports a warning. */
  warn(message: string): void {
    this.#parts.report({ type: 'warning', message })
  }

  get leadership(): Promise<void> {
    return this.#parts.leadership.promise
  }

  state<T>(key: string, options: StateOptions<T>): () => void {
    return this.#parts.states.define(key, options)
  }

  /** Discovers and receives. Resolves when servers may listen. */
  start(): Promise<void> {
    return this.#entry.run()
  }

  /** As {@link start}, and blocks this thread meanwhile: see {@link Entry.runNow}. */
  startNow(): Promise<void> | undefined {
    return this.#entry.runNow()
  }

  async listen(server: Server, options: ListenOptions): Promise<void> {
    await this.#parts.listening.listen(server, options)
  }

  /** As {@link listen}, for a program that does not import this package. */
  async listenForProgram(server: Server, options: ListenOptions, own?: () => void): Promise<void> {
    await this.#parts.listening.adopt(server, options, {
      mayProbe: true,
      ...(own !== undefined && { own }),
    })
  }

  async bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void> {
    await this.#parts.listening.bind(socket, options)
  }

  moveWebSockets<S extends WebSocketLike>(
    server: WebSocketServerLike<S>,
    hooks: WebSocketHooks<S> = {},
  ): () => void {
    return this.#parts.optIns.webSockets.add(server, hooks)
  }

  moveConnections(server: Server, hooks: ConnectionHooks): () => void {
    return this.#parts.optIns.addConnections(server, hooks)
  }

  recheck(): void {
    this.#parts.succession.recheckConnections()
  }

  isAdopted(connection: Socket | { readonly socket: Socket }): boolean {
    return isAdopted(connection)
  }

  interceptListen(filter: (server: Server) => boolean): () => void {
    const undo = interceptListen({
      claims: filter,
      listen: (server, options, own) => this.#parts.listening.adopt(server, options, { own }),
    })
    this.#ending.addUndo(undo)
    return undo
  }

  onExit(hook: ExitHook): () => void {
    return this.#ending.addExitHook(hook)
  }

  /** Runs `undo` with the end of this handoff, if the process outlives it. */
  addUndo(undo: () => void): void {
    this.#ending.addUndo(undo)
  }

  async warmUp(server: Server, warmup: Warmup): Promise<void> {
    const plan = readWarmup(warmup, this.#settings.readyTimeoutMs)
    if (!speaksHttp(server)) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot warm up: the server speaks no HTTP',
        { help: 'Give a server of http, https or http2.' },
      )
    }
    const { birth } = this.#parts
    await warmUp(server, plan, {
      system: this.#system,
      mayGoOn: () => birth.state === 'adopt' && birth.oldMayLive,
      onWarning: (message) => this.warn(message),
    })
  }

  ready(): Promise<void> {
    this.#parts.listening.checkProbes()
    return this.#parts.birth.ready()
  }

  abort(error: unknown): void {
    this.#parts.birth.fail(error)
  }

  restart(): Promise<void> {
    return this.#parts.manager.reload(() =>
      this.#parts.restart.run(() => {
        if (!this.#parts.serves()) {
          throw new HandoffError('ERR_HANDOFF_BUSY', 'cannot restart: this process is not serving')
        }
        const { path } = this.#parts.holdings.ensureRendezvous()
        // Joined listeners go over with the others, and dropped ones are closed already.
        const {
          HANDOFF_JOINS: _,
          HANDOFF_DROP: __,
          HANDOFF_IDLE: ___,
          ...variables
        } = this.#settings.variables
        return {
          ...variables,
          HANDOFF_RENDEZVOUS: path,
          // For the case that this process dies before the replacement has connected.
          HANDOFF_GENERATION: String(this.generation + 1),
        }
      }),
    )
  }

  stop(): Promise<never> {
    return this.#ending.stop()
  }

  metrics(): HandoffMetrics {
    return this.#parts.self.metrics()
  }

  release(): void {
    this.#ending.release()
  }
}
