// One process's part in the line of generations: its birth, its servers, its succession, its end.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import { isAdopted } from './connections/adopted.ts'
import { Consents } from './connections/consents.ts'
import type { ConnectionHooks } from './connections/raw-mover.ts'
import { ReceivedTicketKeys, ticketKeyState } from './connections/ticket-keys.ts'
import type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from './connections/websocket-servers.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { HandoffEventBody } from './diagnostics.ts'
import { HandoffError } from './errors.ts'
import { Holdings } from './holdings.ts'
import type { ListenOptions } from './io/listen-arguments.ts'
import { interceptListen } from './io/listen-hook.ts'
import type { Death, System } from './io/system.ts'
import { Leadership } from './leadership.ts'
import { Line } from './line.ts'
import { Listening } from './listening.ts'
import type { HandoffMetrics } from './metrics.ts'
import type { BindSocketOptions } from './new/adopt.ts'
import { Birth } from './new/birth.ts'
import { errorOfDeath } from './new/death.ts'
import { Joinings } from './new/joinings.ts'
import { type ExitHook, runExitHooks } from './old/exit.ts'
import { Succession } from './old/succession.ts'
import type { Settings } from './options.ts'
import { Reporter } from './reporter.ts'
import { Restart } from './restart.ts'
import { SelfReport } from './self-report.ts'
import { ServiceManager } from './service-manager.ts'
import { handleSignals, restartSignals } from './signals.ts'
import { type StateOptions, States } from './states.ts'

export class HandoffProcess {
  readonly #system: System
  readonly #settings: Settings
  readonly #holdings: Holdings
  readonly #reporter: Reporter
  readonly #self: SelfReport
  readonly #birth: Birth
  readonly #succession: Succession
  readonly #listening: Listening
  readonly #joinings: Joinings
  readonly #consents: Consents
  readonly #restart: Restart
  readonly #manager: ServiceManager
  readonly #exitHooks: ExitHook[] = []
  readonly #undo: (() => void)[] = []
  readonly #onClose: () => void
  readonly #states: States
  readonly #line = new Line(() => this.#leadership.check())
  readonly #leadership: Leadership
  #closed = false
  #stopping: Deferred<never> | undefined

  /** @param onClose - told when the application gives the handoff up. */
  constructor(settings: Settings, system: System, onClose: () => void = () => {}) {
    this.#onClose = onClose
    this.#system = system
    this.#settings = settings
    this.#restart = new Restart(system, settings.readyTimeoutMs)
    this.#reporter = new Reporter(system, settings, () => this.generation)
    const report = (event: HandoffEventBody) => this.#report(event)
    const onWarning = (message: string) => report({ type: 'warning', message })
    const holdings = new Holdings(system, (fd) => this.#succession.connect(fd), onWarning)
    this.#consents = new Consents(onWarning)
    this.#states = new States((error) => this.#importFailed(error))
    const shared = { system, settings, holdings, report, states: this.#states, line: this.#line }
    this.#holdings = holdings
    this.#self = new SelfReport(system, this.#reporter, holdings, () => ({
      birth: this.#birth,
      succession: this.#succession,
    }))
    this.#manager = new ServiceManager({
      system,
      notifier: this.#reporter.notifier,
      listeners: holdings.listeners,
      watchdogMs: settings.watchdogMs,
      serves: () => (this.#serves ? this.generation : undefined),
    })
    const ticketKeys = new ReceivedTicketKeys()
    this.#states.defineOwn('handoff:ticket-keys', ticketKeyState(holdings.gates, ticketKeys))
    this.#birth = new Birth({
      ...shared,
      takesConnections: () => this.#succession.takesConnections,
      changed: () => this.#leadership.check(),
      gaveUp: (error) => this.#gaveUp(error),
    })
    this.#succession = new Succession({
      ...shared,
      generation: () => this.generation,
      begin: () => {
        this.#reporter.begin()
        this.#restart.connected()
      },
      progress: () => this.#reporter.tellStatus(),
      releaseOld: () => {
        this.#birth.succeeded()
        this.#joinings.succeeded()
      },
      settled: () => this.#manager.settled(),
      ended: (error) => this.#ended(error),
      leave: () => void this.#leave(),
    })
    const [birth, succession] = [this.#birth, this.#succession]
    const { worker } = settings
    this.#leadership = new Leadership({ worker, line: this.#line, birth, succession })
    this.#joinings = new Joinings({
      ...shared,
      takesConnections: () => succession.takesConnections,
      follow: () => this.#manager.follow(),
      serves: () => this.#serves,
    })
    this.#listening = new Listening({
      system,
      holdings,
      consents: this.#consents,
      ticketKeys,
      birth,
      succession,
      manager: this.#manager,
      onWarning,
    })
  }

  get generation(): number {
    return this.#birth.generation
  }

  /** How many listeners of the old process nobody has asked for yet. */
  get unclaimed(): number {
    return this.#holdings.listeners.unclaimed
  }

  get leadership(): Promise<void> {
    return this.#leadership.promise
  }

  state<T>(key: string, options: StateOptions<T>): () => void {
    return this.#states.define(key, options)
  }

  /** Discovers and receives. */
  async start(): Promise<void> {
    const { rendezvous, signals, readyTimeoutMs } = this.#settings
    this.#reporter.extend(readyTimeoutMs)
    this.#undo.push(this.#system.onDeath((death) => this.#birth.fail(this.#errorOf(death))))
    try {
      await this.#birth.start()
      this.#line.open()
      if (rendezvous !== undefined && !this.#birth.hasRendezvous) {
        this.#holdings.bindRendezvous(rendezvous)
      }
    } catch (error) {
      this.#letGo()
      this.#line.end()
      throw error
    }
    if (signals) this.#handleSignals()
    this.#reporter.watch(() => this.#self.status())
  }

  async listen(server: Server, options: ListenOptions): Promise<void> {
    await this.#listening.listen(server, options)
  }

  async bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void> {
    await this.#listening.bind(socket, options)
  }

  webSockets<S extends WebSocketLike>(
    server: WebSocketServerLike<S>,
    hooks: WebSocketHooks<S> = {},
  ): () => void {
    return this.#consents.webSockets.add(server, hooks)
  }

  connections(server: Server, hooks: ConnectionHooks): () => void {
    return this.#consents.addConnections(server, hooks)
  }

  /** A connection may have come to rest. */
  rested(): void {
    this.#succession.look()
  }

  isAdopted(connection: Socket | { readonly socket: Socket }): boolean {
    return isAdopted(connection)
  }

  intercept(claims: (server: Server) => boolean): () => void {
    const undo = interceptListen({
      claims,
      listen: (server, options) => this.#listening.adopt(server, options),
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

  ready(): Promise<void> {
    return this.#birth.ready()
  }

  fail(error: unknown): void {
    this.#birth.fail(error)
  }

  restart(): Promise<void> {
    return this.#manager.reload(() =>
      this.#restart.run(() => {
        if (!this.#serves) {
          throw new HandoffError('ERR_HANDOFF_BUSY', 'cannot restart: this process is not serving')
        }
        const { path } = this.#holdings.needRendezvous()
        // What was joined comes with the rest.
        const { HANDOFF_JOINS: _, ...variables } = this.#settings.variables
        return { ...variables, HANDOFF_RENDEZVOUS: path }
      }),
    )
  }

  get #serves(): boolean {
    return this.#birth.state === 'serving' && this.#succession.state === 'serving'
  }

  /** Ends this process in order; nothing resolves, since the process exits. */
  stop(): Promise<never> {
    this.#stopping ??= deferred<never>()
    this.#reporter.extend(this.#settings.drainTimeoutMs)
    this.#joinings.stop()
    const { state, replaces } = this.#birth
    if (state === 'serving' || replaces === null) {
      this.#manager.stopping()
      this.#succession.stop()
    } else {
      this.#birth.fail(new HandoffError('ERR_HANDOFF_STOPPING', 'cannot take over: it was stopped'))
    }
    return this.#stopping.promise
  }

  metrics(): HandoffMetrics {
    return this.#self.metrics()
  }

  /** The application closes without the process ending: nobody can take over from it any more. */
  close(): void {
    this.#onClose()
    this.#closed = true
    this.#leadership.close()
    this.#letGo()
    this.#joinings.stop()
    this.#succession.close()
    if (this.#succession.state !== 'serving') return
    this.#birth.fail(
      new HandoffError('ERR_HANDOFF_STOPPING', 'cannot take over: the application closed'),
    )
    this.#birth.succeeded()
    this.#line.end() // Nobody younger is left to be told.
    this.#holdings.endListening(true)
    this.#manager.follow()
  }

  #errorOf(death: Death): HandoffError {
    const serving = this.#birth.replaces === null ? 'none' : 'old'
    return errorOfDeath(death, this.#listening.error, serving)
  }

  #letGo(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#reporter.close()
  }

  /** Before the commit the old process still can; after it there is no way back. */
  #importFailed(error: HandoffError): void {
    if (this.#birth.state === 'serving') this.#report({ type: 'warning', message: error.reason })
    else this.#birth.fail(error)
  }

  #ended(error: HandoffError | undefined): void {
    this.#self.handoffEnded(error === undefined ? 'completed' : 'aborted')
    if (error === undefined) this.#manager.succeeded()
    this.#restart.end(error)
    this.#leadership.check()
  }

  /** A process that gives up before it serves has nothing to do in the world. */
  #gaveUp(error: HandoffError): void {
    // Until createHandoff has returned, its caller gets the error and decides; so does the
    // application that closed by itself.
    this.#line.end()
    if (error.stage === 'discover' || error.stage === 'receive' || this.#closed) return
    this.#system.warn(`handoff: ${error.message} [${error.code}]`)
    this.#system.exit(1)
  }

  async #leave(): Promise<void> {
    const { drainTimeoutMs } = this.#settings
    // The exit hooks have as long as the drain had.
    if (this.#stopping !== undefined) this.#reporter.extend(drainTimeoutMs)
    const well = await runExitHooks(this.#exitHooks, this.#system, drainTimeoutMs)
    this.#reporter.close()
    this.#line.end()
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

  #report(event: HandoffEventBody): void {
    this.#self.event(event)
    if (event.type === 'serving') {
      this.#manager.begin(this.#birth.unclaimed)
      void this.#joinings.run(this.#settings.joins)
    }
    if (event.type === 'taken-back') {
      this.#manager.begin()
      this.#leadership.check()
    }
  }
}
