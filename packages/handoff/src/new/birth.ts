// The new side as a whole: runs its table from discover to serving.

import { type NewState, serves } from '../protocol/machine.ts'
import { newStageOf } from '../talk/stage-of.ts'
import { deferred } from '../terms/deferred.ts'
import { type HandoffError, reasonOf } from '../terms/errors.ts'
import { plural } from '../terms/plural.ts'
import type { BirthContext } from './birth-context.ts'
import { Intake } from './connections/intake.ts'
import { findOldProcess } from './discover.ts'
import { InheritedListeners } from './listeners/inherited-listeners.ts'
import { UnclaimedListeners } from './listeners/unclaimed-listeners.ts'
import { Opening } from './opening.ts'
import { readyMessage } from './ready-message.ts'
import { stageEvent } from './stage-event.ts'
import { StartDeadline } from './start-deadline.ts'
import { StateImports } from './state/state-imports.ts'
import { Takeover, type TakeoverEffects } from './takeover.ts'

/**
 * How long the first listen of a program may block its thread, in milliseconds. The old process needs a
 * few for its answer, if it does not hang; signals and timers of the program wait as long.
 */
const mostBlockedMs = 2_000

export class Birth {
  readonly #context: BirthContext
  readonly #takeover: Takeover
  readonly #adopting = deferred<void>()
  readonly #serving = deferred<void>()
  readonly #unshared = deferred<void>()
  readonly #imports: StateImports
  readonly #inheritance: InheritedListeners
  readonly #unclaimed: UnclaimedListeners
  readonly intake: Intake
  readonly #deadline: StartDeadline
  readonly #opening: Opening
  #served = false

  constructor(context: BirthContext) {
    this.#context = context
    this.#imports = new StateImports(context)
    this.#unclaimed = new UnclaimedListeners(context)
    this.#opening = new Opening(context, this.#imports, this.#unclaimed)
    this.#inheritance = new InheritedListeners({
      ...context,
      closeUnclaimed: () => this.#unclaimed.close(),
    })
    this.intake = new Intake({
      ...context,
      gateOf: (key) => [...context.holdings.gates].find(({ held }) => held.receivedAs === key),
      gates: () => context.holdings.busy,
      send: (message) => this.#takeover.send(message),
      fail: (error) => this.#takeover.fail(error),
    })
    this.#takeover = new Takeover({
      system: context.system,
      accepts: ['older', 'state', 'alive', 'relay', 'positions', 'tls-positions'],
      rampMs: context.settings.rampMs,
      effects: this.#effects(),
      receive: (entry, fd) => context.holdings.listeners.receive(entry, fd),
      onManifest: (manifest) =>
        this.intake.begin(manifest, { positions: this.#takeover.takePositions() }),
      onState: (state) => this.#enter(state),
      onLongRamp: (message) => context.report({ type: 'warning', message }),
    })
    this.#deadline = new StartDeadline(context.system, this.#takeover, this.#imports)
  }

  get state(): NewState {
    return this.#takeover.state
  }

  /** Whether the old process, if there is one, has committed. */
  get begun(): boolean {
    return serves(this.state)
  }

  /** Resolves when no old process accepts beside this one. */
  get unshared(): Promise<void> {
    return this.#unshared.promise
  }

  /** Sets what explains why this process is not ready yet; it returns undefined if nothing does. */
  explainDelay(explain: () => string | undefined): void {
    this.#deadline.explainDelay = explain
  }

  /**
   * One more than the old process's; without one, what the supervisor counts, else 1. 0 while it is
   * not known.
   */
  get generation(): number {
    if (this.state === 'discover') return 0
    const { manifest } = this.#takeover
    return manifest === undefined ? this.#context.settings.firstGeneration : manifest.generation + 1
  }

  /** The process from which this one received its listeners. */
  get replaces(): { pid: number; generation: number } | null {
    return this.#takeover.replaces
  }

  /** Whether servers that listen from now on accept. */
  get accepts(): boolean {
    return this.#opening.begun
  }

  /** Resolves when this process serves; rejects if it never will. */
  get serving(): Promise<void> {
    return this.#serving.promise
  }

  /** Whether this process serves, or did. */
  get served(): boolean {
    return this.#served
  }

  /** Whether the old process may still live: its channel has not ended. */
  get oldMayLive(): boolean {
    return this.#takeover.oldMayLive
  }

  /** Keys of the listeners that came and were closed, since no server here claimed them. */
  get unclaimed(): readonly string[] {
    return this.#unclaimed.keys
  }

  /** Whether the rendezvous socket has come. If the old process died before, it has to be bound. */
  get hasRendezvous(): boolean {
    return this.#takeover.received?.hasRendezvous ?? false
  }

  /**
   * Finds the old process and receives its listeners.
   *
   * @returns when servers may listen; rejects with a {@link HandoffError} when refused.
   */
  start(): Promise<void> {
    const { settings, system, holdings, report } = this.#context
    const { rendezvousPath, readyTimeoutMs, allowUids } = settings
    report({ type: 'stage', stage: 'discover', detail: rendezvousPath ?? 'no rendezvous' })
    this.#takeover.attempt(() => {
      this.#inheritance.read(holdings.listeners)
      const trust = { uid: system.uid, allowUids }
      const old =
        rendezvousPath === undefined ? undefined : findOldProcess(rendezvousPath, trust, system)
      if (old === undefined) return this.#takeover.dispatch('absent')
      this.#deadline.begin(readyTimeoutMs)
      this.#takeover.connect(old)
    })
    return this.#adopting.promise
  }

  /**
   * As {@link start}, and blocks this thread meanwhile: a program that calls `listen` listens at its
   * return. It blocks for 2 s at most. After that it waits for an old process that hangs, or is busy, as
   * `start` does.
   *
   * @returns the promise of `start`, if the old process has not answered so soon.
   * @throws {@link HandoffError} when refused.
   */
  startNow(): Promise<void> | undefined {
    const { system } = this.#context
    const started = this.start()
    // It resolves, or rejects, in a later turn. The state shows the same already.
    started.catch(() => {})
    const endsAt = system.now() + mostBlockedMs
    while (this.#receives() && this.#takeover.receiveNow(endsAt - system.now()));
    if (this.#receives()) return started
    if (this.state === 'aborted') throw this.#takeover.error
    return undefined
  }

  #receives(): boolean {
    return this.state === 'discover' || this.state === 'receive'
  }

  /** Reports that the application can serve. Resolves when this process does. */
  ready(): Promise<void> {
    const imported = this.#context.states.whenImported()
    const reportReady = () => this.#takeover.dispatch('ready')
    if (imported === undefined) reportReady()
    else imported.then(reportReady)
    return this.#serving.promise
  }

  /** Aborts this process, for the application or the operator. Does nothing once it serves. */
  fail(error: unknown): void {
    if (!this.begun) this.#takeover.fail(error)
  }

  /**
   * Releases the old process, since this one has a successor or stops: it need not take back any more.
   *
   * @returns a promise if the old process cannot know it yet. It resolves when the kernel has the
   * message.
   */
  releaseOld(why: 'succeeded' | 'stopped'): Promise<void> | undefined {
    this.#takeover.dispatch(why)
    return this.#takeover.releasing
  }

  #effects(): TakeoverEffects {
    const { report, holdings } = this.#context
    return {
      'take-older': (message, descriptors) =>
        this.#takeover.attempt(() => this.#context.line.receive(message, descriptors)),
      'take-state': (message, descriptors) =>
        this.#takeover.attempt(() => this.#imports.take(message, descriptors)),
      'close-unclaimed': () => {
        this.#imports.dropUnknown()
        this.#inheritance.cancelDeadline()
        this.#unclaimed.close()
      },
      'send-ready': () => this.#sendReady(),
      'import-state': () => this.#imports.begin(),
      'take-rendezvous': () => {
        const take = () => holdings.takeRendezvous(this.#takeover.received?.takeRendezvous())
        void this.#imports.after(take)
      },
      'hold-rendezvous': () => holdings.holdRendezvous(this.#takeover.received?.takeRendezvous()),
      open: () => {
        this.#takeover.clearDeadline()
        this.#takeover.unref()
        this.#opening.begin()
      },
      'announce-serving': () => this.#announce(),
      'take-connections': (message, descriptors) =>
        this.intake.take(message, descriptors, this.#opening.opened),
      'note-drained': ({ forced }) => {
        this.intake.end()
        if (forced === 0) return
        const message = `the old process closed ${plural(forced, 'connection')} at its drain deadline`
        report({ type: 'warning', message })
      },
      'send-release': () => {
        this.intake.endRests()
        this.#takeover.release()
      },
      'send-declined': () => this.intake.decline(),
      'hang-up': () => {
        this.intake.endRests()
        this.#takeover.hangUp()
        this.intake.end()
        this.#context.changed()
      },
      'give-up': () => this.#giveUp(),
    }
  }

  #sendReady(): void {
    this.#deadline.awaitCommit()
    void this.#takeover.send({ type: 'ready', ...readyMessage(this.#context.holdings.gates) })
  }

  /** Reports that this process serves, once the gates are open. If that fails, it ends and the old one takes back. */
  #announce(): void {
    const { report, holdings } = this.#context
    this.#opening.opened.then(
      () => {
        report({ type: 'serving', replaces: this.replaces, listeners: holdings.places })
        this.#served = true
        this.#takeover.markServing()
        this.#serving.resolve()
        this.#context.changed()
      },
      (cause: unknown) => {
        const { failures } = this.#takeover
        this.#giveUp(failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), { cause }))
      },
    )
  }

  #enter(state: NewState): void {
    if (!this.#receives() && state !== 'adopt') this.#deadline.cancelMissingCheck()
    const { report, holdings } = this.#context
    if (state === 'adopt') this.#inheritance.close()
    if (state === 'alone') this.#inheritance.use(holdings.listeners)
    const event = stageEvent(state, this.#takeover.manifest)
    if (event !== undefined) report(event)
    if (state === 'adopt' || state === 'alone') this.#adopting.resolve()
    if (state === 'serving') this.#unshared.resolve()
  }

  #giveUp(error = this.#takeover.error): void {
    const { report, holdings, gaveUp } = this.#context
    this.#takeover.clearDeadline()
    this.#inheritance.close()
    holdings.listeners.abandon()
    this.#takeover.received?.close()
    const { code, reason, stage = newStageOf(this.state), serving = 'none' } = error
    report({ type: 'aborted', stage, code, message: reason, serving })
    this.#adopting.reject(error)
    this.#serving.reject(error)
    gaveUp(error)
  }
}
