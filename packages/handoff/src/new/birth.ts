// The new side as a whole: runs its table from discover to serving.

import type { Holdings } from '../generation/holdings.ts'
import type { Line } from '../generation/line.ts'
import type { States } from '../generation/states.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { NewState } from '../protocol/machine.ts'
import type { Messages } from '../protocol/messages.ts'
import type { Effects } from '../talk/runner.ts'
import { deferred } from '../terms/deferred.ts'
import { type HandoffError, reasonOf } from '../terms/errors.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import type { Settings } from '../terms/options.ts'
import { plural } from '../terms/plural.ts'
import { findOldProcess } from './discover.ts'
import { Imports } from './imports.ts'
import { Inheritance } from './inheritance.ts'
import { Intake } from './intake.ts'
import type { Carried } from './old-process.ts'
import { readyMessage } from './ready.ts'
import { stageEvent, stageOf } from './stage-of.ts'
import { Takeover } from './takeover.ts'
import { Unclaimed } from './unclaimed.ts'

/** How long the old process may take to answer `ready`, in milliseconds: it is one step for it. */
const commitTimeoutMs = 10_000

/** How much earlier than the old process this one gives up if a listener is missing, in milliseconds. */
const mostHeadStartMs = 500

/**
 * How long the first listen of a program may block its thread, in milliseconds. The old process needs a
 * few for its answer, if it does not hang; signals and timers of the program wait as long.
 */
const mostBlockedMs = 2_000

/** What the new side asks of the process around it. */
export interface BirthContext {
  readonly system: System
  readonly settings: Settings
  readonly holdings: Holdings
  readonly states: States
  readonly line: Line
  report(event: HandoffEventBody): void
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
  /** This process serves, or the old one has gone. */
  changed(): void
  /** This process will never serve. */
  gaveUp(error: HandoffError): void
}

export class Birth {
  readonly #context: BirthContext
  readonly #takeover: Takeover
  readonly #adopting = deferred<void>()
  readonly #serving = deferred<void>()
  readonly #imports: Imports
  readonly #inheritance: Inheritance
  readonly #unclaimed: Unclaimed
  readonly #intake: Intake
  /** Says why this process is not ready in time, where the application knows. */
  explainDelay: () => string | undefined = () => undefined
  /** Looks, before the old process does, whether the application is late since a listener is missing. */
  #missing: Timer | undefined
  #opening = false
  #opened: Promise<void> = Promise.resolve()
  #served = false

  constructor(context: BirthContext) {
    this.#context = context
    this.#imports = new Imports(context)
    const unclaimed = new Unclaimed(context)
    this.#unclaimed = unclaimed
    this.#inheritance = new Inheritance({ ...context, closeUnclaimed: () => unclaimed.close() })
    const { system, holdings, takesConnections } = context
    this.#intake = new Intake({
      gateOf: (key) => [...holdings.gates].find(({ held }) => held.receivedAs === key),
      gates: () => holdings.busy,
      takesConnections,
      send: (message) => this.#takeover.send(message),
      fail: (error) => this.#takeover.fail(error),
    })
    this.#takeover = new Takeover({
      system,
      accepts: ['older', 'state', 'alive'],
      effects: this.#effects(),
      receive: (entry, fd) => holdings.listeners.receive(entry, fd),
      onManifest: (manifest) => this.#intake.begin(manifest),
      onState: (state) => this.#enter(state),
    })
  }

  get state(): NewState {
    return this.#takeover.state
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

  /** The process from which this one has its listeners. */
  get replaces(): { pid: number; generation: number } | null {
    return this.#takeover.oldName
  }

  /** Whether servers that listen from now on accept. */
  get accepts(): boolean {
    return this.#opening
  }

  /** Resolves when this process serves; rejects if it never will. */
  get serving(): Promise<void> {
    return this.#serving.promise
  }

  /** Whether this process serves, or did. */
  get served(): boolean {
    return this.#served
  }

  /** Whether the old process may still live, for all that its channel tells. */
  get oldMayLive(): boolean {
    return this.#takeover.hasOld
  }

  /** Keys of the listeners that came, and that nothing here has asked for: they are closed. */
  get unclaimed(): readonly string[] {
    return this.#unclaimed.keys
  }

  /** Whether the rendezvous socket has come: where the old process died before, it has to be bound. */
  get hasRendezvous(): boolean {
    return this.#takeover.receipt?.hasRendezvous ?? false
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
      this.#inheritance.take(holdings.listeners)
      const trust = { uid: system.uid, allowUids }
      const old = rendezvousPath === undefined ? undefined : findOldProcess(rendezvousPath, trust)
      if (old === undefined) return this.#takeover.dispatch('absent')
      this.#takeover.setDeadline(readyTimeoutMs, () => this.#late(readyTimeoutMs))
      // The old process waits as long. It is to receive the reason before its own deadline.
      const ms = readyTimeoutMs - Math.min(mostHeadStartMs, readyTimeoutMs / 10)
      this.#missing = system.timer(ms, () => this.#failIfMissing(), true)
      this.#takeover.connect(old)
    })
    return this.#adopting.promise
  }

  /**
   * As {@link start}, and blocks this thread meanwhile: a program that calls `listen` listens at its
   * return. It blocks for 2 s at most; after that an old process that hangs, or is busy, is waited for as
   * by `start`.
   *
   * @returns the promise of `start`, if the old process has not answered so soon.
   * @throws {@link HandoffError} when refused.
   */
  startNow(): Promise<void> | undefined {
    const { system } = this.#context
    const started = this.start()
    // It resolves, or rejects, in a later turn; the states say the same by now.
    started.catch(() => {})
    const endsAt = system.now() + mostBlockedMs
    while (this.#receives() && this.#takeover.hearNow(endsAt - system.now()));
    if (this.#receives()) return started
    if (this.state === 'aborted') throw this.#takeover.error
    return undefined
  }

  #receives(): boolean {
    return this.state === 'discover' || this.state === 'receive'
  }

  /** The application can serve. Resolves when this process does. */
  ready(): Promise<void> {
    const imported = this.#context.states.whenImported()
    const sayReady = () => this.#takeover.dispatch('ready')
    if (imported === undefined) sayReady()
    else imported.then(sayReady)
    return this.#serving.promise
  }

  /** The application, or the operator, gives this process up; nothing happens once it serves. */
  fail(error: unknown): void {
    if (this.state !== 'serving') this.#takeover.fail(error)
  }

  /**
   * This process has a successor, or stops: the old one need not take back any more.
   *
   * @returns a promise where the old process cannot know it yet: it resolves when the kernel has the
   * message.
   */
  succeeded(): Promise<void> | undefined {
    this.#takeover.dispatch('succeeded')
    return this.#takeover.releasing
  }

  #effects(): Effects {
    const { report, holdings } = this.#context
    return {
      'take-older': (frame) => {
        const { message, descriptors } = frame as Carried<'older'>
        this.#takeover.attempt(() => this.#context.line.receive(message, descriptors))
      },
      'take-state': (frame) =>
        this.#takeover.attempt(() => this.#imports.take(frame as Carried<'state'>)),
      'close-unclaimed': () => {
        this.#imports.dropUnknown()
        this.#inheritance.settle()
        this.#unclaimed.close()
      },
      'send-ready': () => this.#sendReady(),
      'import-state': () => this.#imports.begin(),
      'take-rendezvous': () => {
        const take = () => holdings.takeRendezvous(this.#takeover.receipt?.takeRendezvous())
        void this.#imports.after(take)
      },
      open: () => {
        this.#takeover.clearDeadline()
        this.#takeover.unref()
        this.#opened = this.#imports.after(() => this.#open())
      },
      'announce-serving': () => this.#announce(),
      'take-connections': (frame) =>
        this.#intake.take(frame as Carried<'connections'>, this.#opened),
      'note-drained': (message) => {
        const { forced } = message as Messages['drained']
        if (forced === 0) return
        report({
          type: 'warning',
          message: `the old process closed ${plural(forced, 'connection')} at its drain deadline`,
        })
      },
      'send-release': () => {
        this.#intake.endRests()
        this.#takeover.release()
      },
      'hang-up': () => {
        this.#intake.endRests()
        this.#takeover.hangUp()
        this.#context.changed()
      },
      'give-up': () => this.#giveUp(),
    }
  }

  /** The gates; unless this process was stopped, or replaced, while it imported. */
  #open(): Promise<void> {
    const { holdings, takesConnections } = this.#context
    this.#opening = true
    // The application may have closed a server between our `ready` and the commit.
    this.#unclaimed.vacate()
    if (takesConnections()) return holdings.open()
    holdings.endListening(true)
    return new Promise(() => {}) // It ends.
  }

  #sendReady(): void {
    this.#takeover.setDeadline(commitTimeoutMs, () =>
      this.#takeover.unanswered('commit', commitTimeoutMs),
    )
    void this.#takeover.send({ type: 'ready', ...readyMessage(this.#context.holdings.gates) })
  }

  /** Once the gates are open; where that fails, this process must end, so that the old one takes back. */
  #announce(): void {
    const { report, holdings } = this.#context
    this.#opened.then(
      () => {
        report({ type: 'serving', replaces: this.replaces, listeners: holdings.places })
        this.#served = true
        this.#takeover.leave('serves')
        this.#serving.resolve()
        this.#context.changed()
      },
      (cause: unknown) => {
        const { failures } = this.#takeover
        this.#giveUp(failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), cause))
      },
    )
  }

  #enter(state: NewState): void {
    if (state !== 'receive' && state !== 'adopt' && state !== 'discover') this.#missing?.cancel()
    const { report, holdings } = this.#context
    if (state === 'adopt') this.#inheritance.close()
    if (state === 'alone') this.#inheritance.use(holdings.listeners)
    const event = stageEvent(state, this.#takeover.manifest)
    if (event !== undefined) report(event)
    if (state === 'adopt' || state === 'alone') this.#adopting.resolve()
  }

  #giveUp(error = this.#takeover.error): void {
    const { report, holdings, gaveUp } = this.#context
    this.#takeover.clearDeadline()
    this.#inheritance.close()
    holdings.listeners.abandon()
    this.#takeover.receipt?.close()
    const { code, reason } = error
    const stage = error.stage ?? stageOf(this.state)
    report({ type: 'aborted', stage, code, message: reason, serving: error.serving ?? 'none' })
    this.#adopting.reject(error)
    this.#serving.reject(error)
    gaveUp(error)
  }

  #late(ms: number): HandoffError {
    const { late } = this.#imports
    const { failures } = this.#takeover
    if (late !== undefined) return failures.make('ERR_HANDOFF_STATE', `${late} within ${ms} ms`)
    if (this.state === 'discover') return this.#takeover.unanswered('answer', ms)
    if (this.state === 'receive') return this.#takeover.unanswered('send its listeners', ms)
    const reason = `the program was not ready within ${ms / 1000} s`
    return failures.make('ERR_HANDOFF_TIMEOUT', reason)
  }

  /** Fails the start of an application that does not listen wherever it has to. */
  #failIfMissing(): void {
    const missing = this.state === 'adopt' ? this.explainDelay() : undefined
    if (missing === undefined) return
    this.fail(this.#takeover.failures.make('ERR_HANDOFF_LISTENER_MISSING', missing))
  }
}
