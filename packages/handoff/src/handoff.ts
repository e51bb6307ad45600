// One process's part in the line of generations: its birth, its servers, its succession, its end.

import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import { isAdopted } from './connections/adopted.ts'
import { Consents } from './connections/consents.ts'
import type { ConnectionHooks } from './connections/raw-mover.ts'
import { ReceivedTicketKeys, ticketKeysOf } from './connections/ticket-keys.ts'
import type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from './connections/websocket-servers.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { HandoffEventBody, ProcessStage } from './diagnostics.ts'
import { HandoffError } from './errors.ts'
import { type CountedKind, everyKind, type Fate, mapFates, total } from './fates.ts'
import { Holdings } from './holdings.ts'
import { type ListenOptions, readListenArguments } from './io/listen-arguments.ts'
import { interceptListen } from './io/listen-hook.ts'
import type { Death, System } from './io/system.ts'
import { Line } from './line.ts'
import { type Adoption, adoptServer, adoptSocket, type BindSocketOptions } from './new/adopt.ts'
import { Birth } from './new/birth.ts'
import { errorOfDeath } from './new/death.ts'
import { notifyFields } from './notify-fields.ts'
import { type ExitHook, runExitHooks } from './old/exit.ts'
import { beforeCommit, Succession } from './old/succession.ts'
import type { Settings } from './options.ts'
import { Reporter, type Status } from './reporter.ts'
import { Restart } from './restart.ts'
import { ServiceManager } from './service-manager.ts'
import { handleSignals, restartSignals } from './signals.ts'
import { type StateOptions, States } from './states.ts'

/** What {@link Handoff.metrics} tells. */
export interface HandoffMetrics {
  generation: number
  stage: ProcessStage
  /** Where it listens, such as `tcp:127.0.0.1:3000`; the real port where 0 was asked for. */
  listeners: readonly string[]
  /** Gauge: open connections, over all servers. */
  connections: number
  /** Gauge: the same by kind. */
  open: Record<CountedKind, number>
  /**
   * Counters: connections by what became of them and by kind, in all handoffs of this process and
   * in its stop. One that went over and came back counts as both.
   */
  fates: Record<Fate, Record<CountedKind, number>>
  /** Counters: handoffs to a successor, committed, aborted before the commit, taken back after it. */
  handoffs: { completed: number; aborted: number; takenBack: number }
}

export class HandoffProcess {
  readonly #system: System
  readonly #settings: Settings
  readonly #holdings: Holdings
  readonly #reporter: Reporter
  readonly #birth: Birth
  readonly #succession: Succession
  readonly #adoption: Adoption
  readonly #consents: Consents
  readonly #restart: Restart
  readonly #manager: ServiceManager
  readonly #exitHooks: ExitHook[] = []
  readonly #undo: (() => void)[] = []
  readonly #onClose: () => void
  readonly #states: States
  readonly #line = new Line(() => this.#checkLeadership())
  readonly #leadership = deferred<void>()
  readonly #counts = { completed: 0, aborted: 0, takenBack: 0 }
  #listenError: unknown
  #unnamed = 0
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
    const holdings = new Holdings(
      system,
      (fd) => this.#succession.connect(fd),
      (message) => report({ type: 'warning', message }),
    )
    const onWarning = (message: string) => report({ type: 'warning', message })
    this.#consents = new Consents(onWarning)
    this.#states = new States((error) => this.#importFailed(error))
    const shared = { system, settings, holdings, report, states: this.#states, line: this.#line }
    this.#holdings = holdings
    this.#manager = new ServiceManager({
      system,
      notifier: this.#reporter.notifier,
      listeners: holdings.listeners,
      watchdogMs: settings.watchdogMs,
      serves: () => (this.#serves ? this.generation : undefined),
    })
    const ticketKeys = new ReceivedTicketKeys()
    this.#states.defineOwn('handoff:ticket-keys', {
      when: 'start',
      isEmpty: () => Object.keys(ticketKeysOf(holdings.gates)).length === 0,
      export: () => ticketKeysOf(holdings.gates),
      import: (keys) => ticketKeys.take(keys),
    })
    this.#birth = new Birth({
      ...shared,
      takesConnections: () => this.#succession.takesConnections,
      changed: () => this.#checkLeadership(),
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
      releaseOld: () => this.#birth.succeeded(),
      settled: () => this.#manager.settled(),
      ended: (error) => this.#ended(error),
      leave: () => void this.#leave(),
    })
    this.#adoption = {
      listeners: holdings.listeners,
      gates: holdings.gates,
      system,
      consents: this.#consents,
      // The first generation serves from its first listen, as any server does.
      accept: () => this.#birth.accepts || this.#birth.replaces === null,
      checkOpen: () => this.#checkOpen(),
      settled: () => this.#manager.settled(),
      nextName: () => String(++this.#unnamed),
      ticketKeys,
      handlers: {
        tally: holdings.tally,
        onClose: (gate) => {
          holdings.dropGate(gate, this.#succession.state === 'serving')
          this.#manager.follow()
          this.#succession.checkDrained()
        },
        onEmpty: (gate) => {
          holdings.noteEmpty(gate)
          this.#succession.checkDrained()
        },
        onQuiescent: () => this.#succession.look(),
        onWarning,
      },
    }
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
    this.#reporter.watch(() => this.#status())
  }

  async listen(server: Server, options: ListenOptions): Promise<void> {
    const call = readListenArguments([options])
    if (call === undefined) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot listen: give a port from 0 to 65535, a path or an fd',
      )
    }
    if (server.listening) {
      throw new HandoffError('ERR_HANDOFF_LISTEN_STATE', 'cannot listen: the server does already')
    }
    await this.#adopt(server, call.options)
  }

  async bind(socket: DatagramSocket, options: BindSocketOptions): Promise<void> {
    const gate = await this.#listening(adoptSocket(socket, options, this.#adoption))
    this.#holdings.gates.add(gate)
    this.#manager.follow()
    // The commit may have come while it was on its way.
    if (this.#adoption.accept()) await gate.open()
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
      listen: (server, options) => this.#adopt(server, options),
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
        return { ...this.#settings.variables, HANDOFF_RENDEZVOUS: path }
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
    const { stage, listeners, connections, open, fates } = this.#status()
    return {
      generation: this.generation,
      stage,
      listeners,
      connections,
      open: everyKind(open),
      fates: mapFates((fate) => everyKind(fates[fate])),
      handoffs: { ...this.#counts },
    }
  }

  /** The application closes without the process ending: nobody can take over from it any more. */
  close(): void {
    this.#onClose()
    this.#closed = true
    this.#letGo()
    this.#succession.close()
    if (this.#succession.state !== 'serving') return
    this.#birth.fail(
      new HandoffError('ERR_HANDOFF_STOPPING', 'cannot take over: the application closed'),
    )
    this.#birth.succeeded()
    this.#line.end() // Nobody younger is left to be told.
    this.#holdings.listeners.closeUnclaimed()
    this.#holdings.endListening(true)
    this.#manager.follow()
  }

  async #adopt(server: Server, options: ListenOptions): Promise<void> {
    const gate = await this.#listening(adoptServer(server, options, this.#adoption))
    this.#manager.follow()
    // The commit may have come while it was on its way.
    if (this.#adoption.accept()) await gate?.open()
  }

  /** Keeps the error of a failed listen: if the process ends by it, the operator is told so. */
  async #listening<T>(adopted: Promise<T>): Promise<T> {
    try {
      return await adopted
    } catch (error) {
      this.#listenError = error
      throw error
    }
  }

  #errorOf(death: Death): HandoffError {
    const serving = this.#birth.replaces === null ? 'none' : 'old'
    return errorOfDeath(death, this.#listenError, serving)
  }

  #letGo(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#reporter.close()
  }

  /** Leads whoever serves once no older generation lives, and is not on its way out. */
  #checkLeadership(): void {
    const { served, oldMayLive } = this.#birth
    if (!served || this.#closed || !beforeCommit.has(this.#succession.state)) return
    if (this.#line.older.length > 0 || (oldMayLive && !this.#line.told)) return
    this.#leadership.resolve()
  }

  /** Before the commit the old process still can; after it there is no way back. */
  #importFailed(error: HandoffError): void {
    if (this.#birth.state === 'serving') this.#report({ type: 'warning', message: error.reason })
    else this.#birth.fail(error)
  }

  #checkOpen(): void {
    const { state } = this.#succession
    const open = state !== 'commit' && beforeCommit.has(state)
    if (open && this.#birth.state !== 'aborted') return
    throw new HandoffError('ERR_HANDOFF_LISTEN_STATE', 'cannot listen: this process is ending')
  }

  #ended(error: HandoffError | undefined): void {
    if (error === undefined) {
      this.#counts.completed += 1
      this.#manager.succeeded()
    } else this.#counts.aborted += 1
    this.#restart.end(error)
    this.#checkLeadership()
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
    if (event.type === 'taken-back') {
      this.#counts.takenBack += 1
      this.#checkLeadership()
    }
    const { pid } = this.#system
    const stopping = this.#succession.state === 'stopping'
    const fields = notifyFields(event, { pid, generation: this.generation, stopping })
    this.#reporter.report(event, fields)
    if (event.type === 'drained' || event.type === 'taken-back') this.#reporter.tellStatus()
    if (event.type === 'serving') this.#manager.begin(this.#birth.unclaimed)
    if (event.type === 'taken-back') this.#manager.begin()
  }

  #status(): Status {
    const { places, kinds, tally } = this.#holdings
    return {
      type: 'status',
      stage: this.#stage(),
      listeners: places,
      connections: total(kinds),
      open: kinds,
      fates: tally.all,
    }
  }

  #stage(): ProcessStage {
    const { state } = this.#birth
    if (state === 'alone' || state === 'aborted') return 'adopt'
    return state === 'serving' ? this.#succession.stage : state
  }
}
