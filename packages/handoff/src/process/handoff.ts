// One process's part in the line of generations: its birth, its servers, its succession, its end.

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
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { Death, System } from '../io/system/system.ts'
import { errorOfDeath } from '../new/death.ts'
import { type ExitHook, runExitHooks } from '../old/exit.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import { type Deferred, deferred } from '../terms/deferred.ts'
import { HandoffError } from '../terms/errors.ts'
import type { Settings } from '../terms/options.ts'
import type { BindSocketOptions } from './adopt.ts'
import type { HandoffMetrics } from './metrics.ts'
import type { Handoff } from './public-handoff.ts'
import { handleSignals, restartSignals } from './signals.ts'
import { type Parts, wire } from './wiring.ts'

export class HandoffProcess implements Handoff {
  readonly #system: System
  readonly #settings: Settings
  readonly #parts: Parts
  readonly #exitHooks: ExitHook[] = []
  readonly #undo: (() => void)[] = []
  readonly #onClose: () => void
  #closed = false
  #dying = false
  #stopping: Deferred<never> | undefined

  /** @param onClose - called when the application releases the handoff. */
  constructor(settings: Settings, system: System, onClose: () => void = () => {}) {
    this.#onClose = onClose
    this.#system = system
    this.#settings = settings
    this.#parts = wire(settings, system, {
      gaveUp: (error) => this.#gaveUp(error),
      leave: () => void this.#leave(),
    })
  }

  get active(): boolean {
    return !this.#closed
  }

  get generation(): number {
    return this.#parts.birth.generation
  }

  /** Whether this process has its listeners from an old process. */
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

  /** Listeners that came to this process, and on which nothing here listens. */
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

  /** Sets what explains that this process is not ready in time; undefined where nothing does. */
  explainDelay(explain: () => string | undefined): void {
    this.#parts.birth.explainDelay = explain
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

  /** Discovers and receives. */
  async start(): Promise<void> {
    this.#begin()
    await this.#takePlaceOnce(() => this.#parts.birth.start())
  }

  /**
   * As {@link start}, and blocks this thread meanwhile, unless the old process does not answer soon.
   *
   * @returns the promise of `start`, where it goes on in later turns.
   */
  startNow(): Promise<void> | undefined {
    this.#begin()
    try {
      const started = this.#parts.birth.startNow()
      if (started !== undefined) return this.#takePlaceOnce(() => started)
      this.#takePlace()
      return undefined
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  async #takePlaceOnce(started: () => Promise<void>): Promise<void> {
    try {
      await started()
      this.#takePlace()
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  #begin(): void {
    this.#parts.reporter.extend(this.#settings.readyTimeoutMs)
    this.#undo.push(this.#system.onDeath((death) => this.#dies(death)))
  }

  #takePlace(): void {
    const { rendezvousPath, signals } = this.#settings
    this.#parts.line.open()
    if (rendezvousPath !== undefined && !this.#parts.birth.hasRendezvous) {
      this.#parts.holdings.bindRendezvous(rendezvousPath, this.#settings.allowUids)
    }
    if (signals) this.#handleSignals()
    const { reporter, self, birth, succession, holdings } = this.#parts
    reporter.watch(
      () => self.status(),
      () => {
        const serves = birth.state === 'serving' && succession.state === 'serving'
        if (serves) holdings.renewRendezvous(this.#settings.allowUids)
      },
    )
  }

  #abandon(): void {
    this.#letGo()
    this.#parts.line.end()
  }

  async listen(server: Server, options: ListenOptions): Promise<void> {
    await this.#parts.listening.listen(server, options)
  }

  /** As {@link listen}, for a program that knows nothing of its handoff. */
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
    this.#parts.succession.look()
  }

  isAdopted(connection: Socket | { readonly socket: Socket }): boolean {
    return isAdopted(connection)
  }

  interceptListen(filter: (server: Server) => boolean): () => void {
    const undo = interceptListen({
      claims: filter,
      listen: (server, options, own) => this.#parts.listening.adopt(server, options, { own }),
    })
    this.#undo.push(undo)
    return undo
  }

  onExit(hook: ExitHook): () => void {
    this.#exitHooks.push(hook)
    return () => {
      const index = this.#exitHooks.indexOf(hook)
      if (index >= 0) this.#exitHooks.splice(index, 1)
    }
  }

  /** Runs with the end of this handoff, if the process outlives it. */
  addUndo(undo: () => void): void {
    this.#undo.push(undo)
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
        const { path } = this.#parts.holdings.needRendezvous()
        // What was joined comes with the rest; what was dropped is gone.
        const {
          HANDOFF_JOINS: _,
          HANDOFF_DROP: __,
          HANDOFF_IDLE: ___,
          ...variables
        } = this.#settings.variables
        return {
          ...variables,
          HANDOFF_RENDEZVOUS: path,
          // Should this process die before the replacement has found it.
          HANDOFF_GENERATION: String(this.generation + 1),
        }
      }),
    )
  }

  /** Ends this process in order; nothing resolves, since the process exits. */
  stop(): Promise<never> {
    this.#stopping ??= deferred<never>()
    this.#parts.reporter.extend(this.#settings.drainTimeoutMs)
    this.#parts.joinings.stop()
    const { state, replaces } = this.#parts.birth
    if (state === 'serving' || replaces === null) {
      this.#parts.manager.stopping()
      this.#parts.succession.stop()
    } else {
      this.#parts.birth.fail(
        new HandoffError('ERR_HANDOFF_STOPPING', 'cannot take over: it was stopped'),
      )
    }
    return this.#stopping.promise
  }

  metrics(): HandoffMetrics {
    return this.#parts.self.metrics()
  }

  release(): void {
    this.#onClose()
    this.#closed = true
    this.#parts.leadership.close()
    this.#letGo()
    this.#parts.joinings.stop()
    this.#parts.succession.close()
    if (this.#parts.succession.state !== 'serving') return
    this.#parts.birth.fail(
      new HandoffError('ERR_HANDOFF_STOPPING', 'cannot serve: the application closed'),
    )
    this.#parts.birth.succeeded()
    this.#parts.leadership.end()
    this.#parts.line.end() // Nobody younger is left to be told.
    this.#parts.holdings.endListening(true)
    this.#parts.manager.follow()
  }

  /** The process ends, in the way of the program: that is reported, and changes nothing of it. */
  #dies(death: Death): void {
    this.#dying = true
    const serving = this.#parts.birth.replaces === null ? 'none' : 'old'
    this.#parts.birth.fail(errorOfDeath(death, this.#parts.listening.error, serving))
  }

  #letGo(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#parts.reporter.close()
  }

  /** A process that gives up before it serves has nothing to do in the world. */
  #gaveUp(error: HandoffError): void {
    // Until createHandoff has returned, its caller gets the error and decides; so does the
    // application that closed by itself.
    this.#parts.line.end()
    if (this.#dying) return
    if (error.stage === 'discover' || error.stage === 'receive' || this.#closed) return
    this.#system.warn(`handoff: ${error.message} [${error.code}]`)
    this.#system.exit(1)
  }

  async #leave(): Promise<void> {
    const { drainTimeoutMs } = this.#settings
    // The exit hooks have as long as the drain had.
    const isAwaited = this.#stopping !== undefined || this.#settings.statusIntervalMs !== undefined
    if (isAwaited) this.#parts.reporter.extend(drainTimeoutMs)
    const well = await runExitHooks(this.#exitHooks, this.#system, drainTimeoutMs)
    this.#parts.reporter.close()
    this.#parts.leadership.end()
    this.#parts.line.end()
    this.#system.exit(well ? 0 : 1)
  }

  #handleSignals(): void {
    const { statusIntervalMs, notifySocket } = this.#settings
    const undo = handleSignals(this.#system, {
      stopping: () => this.#stopping !== undefined,
      stop: () => this.stop(),
      restart: () => this.restart(),
      restartSignals: restartSignals(statusIntervalMs !== undefined, notifySocket !== undefined),
    })
    this.#undo.push(undo)
  }
}
