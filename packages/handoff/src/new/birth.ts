// The new side as a whole: runs its table from discover to serving.

import { deferred } from '../deferred.ts'
import type { HandoffEventBody } from '../diagnostics.ts'
import { errorFromPeer, type HandoffError, reasonOf, type Serving } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import type { System, Timer } from '../io/system.ts'
import { closeAll } from '../io/wire.ts'
import type { Line } from '../line.ts'
import type { Settings } from '../options.ts'
import type { NewState } from '../protocol/machine.ts'
import { type Message, type Messages, supportedVersions } from '../protocol/messages.ts'
import { type Effects, Runner } from '../runner.ts'
import type { States } from '../states.ts'
import { findOldProcess, sendHello } from './discover.ts'
import { Failures } from './failure.ts'
import { Imports } from './imports.ts'
import { Inheritance } from './inheritance.ts'
import { Intake } from './intake.ts'
import { type Carried, isCarrier, isEvent, type OldProcess } from './old-process.ts'
import { readyMessage } from './ready.ts'
import { Receipt } from './receive.ts'
import { stageEvent, stageOf } from './stage-of.ts'
import { Unclaimed } from './unclaimed.ts'

/** How long the old process may take to answer `ready`, in milliseconds: it is one step for it. */
const commitTimeoutMs = 10_000

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
  readonly #runner: Runner<'new'>
  readonly #adopting = deferred<void>()
  readonly #serving = deferred<void>()
  readonly #imports: Imports
  readonly #inheritance: Inheritance
  readonly #unclaimed: Unclaimed
  readonly #failures = new Failures(() => ({
    stage: stageOf(this.state),
    serving: this.#whoServes(),
  }))
  #old: OldProcess | undefined
  #manifest: Messages['manifest'] | undefined
  #receipt: Receipt | undefined
  readonly #intake: Intake
  #deadline: Timer | undefined
  #opening = false
  #opened: Promise<void> = Promise.resolve()
  #served = false
  #error: HandoffError | undefined

  constructor(context: BirthContext) {
    this.#context = context
    this.#imports = new Imports(context)
    const unclaimed = new Unclaimed(context)
    this.#unclaimed = unclaimed
    this.#inheritance = new Inheritance({ ...context, closeUnclaimed: () => unclaimed.close() })
    const { holdings, takesConnections } = context
    this.#intake = new Intake({
      gateOf: (key) => [...holdings.gates].find(({ held }) => held.receivedAs === key),
      gates: () => holdings.busy,
      takesConnections,
      send: async (message) => await this.#old?.send(message),
      fail: (error) => this.#fail(error),
    })
    this.#runner = new Runner('new', 'discover', this.#effects(), (state) => this.#enter(state))
  }

  get state(): NewState {
    return this.#runner.state
  }

  /** 1 for the first, one more than the old process's for every other; 0 while it is not known. */
  get generation(): number {
    if (this.state === 'discover') return 0
    return (this.#manifest?.generation ?? 0) + 1
  }

  /** The process from which this one has its listeners. */
  get replaces(): { pid: number; generation: number } | null {
    if (this.#manifest === undefined) return null
    const { pid, generation } = this.#manifest
    return { pid, generation }
  }

  /** Whether servers that listen from now on accept. */
  get accepts(): boolean {
    return this.#opening
  }

  /** Whether this process serves, or did. */
  get served(): boolean {
    return this.#served
  }

  /** Whether the old process may still live, for all that its channel tells. */
  get oldMayLive(): boolean {
    return this.#old !== undefined
  }

  /** Keys of the listeners that came, and that nothing here has asked for: they are closed. */
  get unclaimed(): readonly string[] {
    return this.#unclaimed.keys
  }

  /** Whether the rendezvous socket has come: where the old process died before, it has to be bound. */
  get hasRendezvous(): boolean {
    return this.#receipt?.hasRendezvous ?? false
  }

  /**
   * Finds the old process and receives its listeners.
   *
   * @returns when servers may listen; rejects with a {@link HandoffError} when refused.
   */
  start(): Promise<void> {
    const { settings, system, report } = this.#context
    report({ type: 'stage', stage: 'discover', detail: settings.rendezvous ?? 'no rendezvous' })
    try {
      this.#inheritance.take(this.#context.holdings.listeners)
      this.#old =
        settings.rendezvous === undefined
          ? undefined
          : findOldProcess(settings.rendezvous, system.uid)
    } catch (error) {
      this.#fail(error)
      return this.#adopting.promise
    }
    if (this.#old === undefined) this.#runner.dispatch('absent')
    else this.#connect(this.#old)
    return this.#adopting.promise
  }

  /** The application can serve. Resolves when this process does. */
  ready(): Promise<void> {
    const imported = this.#context.states.whenImported()
    if (imported === undefined) this.#sayReady()
    else imported.then(() => this.#sayReady())
    return this.#serving.promise
  }

  #sayReady(): void {
    if (this.#runner.takes('ready')) this.#runner.dispatch('ready')
  }

  /** The application, or the operator, gives this process up; nothing happens once it serves. */
  fail(error: unknown): void {
    if (this.state !== 'serving') this.#fail(error)
  }

  /** This process has committed to its own successor: the old one need not take back any more. */
  succeeded(): void {
    if (this.#runner.takes('succeeded')) this.#runner.dispatch('succeeded')
  }

  #connect(old: OldProcess): void {
    const { settings, system } = this.#context
    this.#deadline = system.timer(settings.readyTimeoutMs, () => {
      this.#error = this.#late(settings.readyTimeoutMs)
      this.#runner.dispatch('timeout')
    })
    old.start({
      onFrame: ({ message, descriptors }) => this.#take(message, descriptors),
      onEnd: (error) => {
        if (error === undefined) this.#runner.dispatch('eof')
        else this.#fail(error)
      },
    })
    this.#runner.dispatch('connected')
  }

  #take(message: Message, descriptors: number[]): void {
    const { type } = message
    if (!isEvent(type) || !this.#runner.takes(type)) {
      closeAll(descriptors)
      const reason = `the old process sent ${type} too early or late`
      return this.#fail(this.#failures.make('ERR_HANDOFF_PROTOCOL', reason))
    }
    if (isCarrier(type)) return this.#runner.dispatch(type, { message, descriptors })
    closeAll(descriptors)
    if (message.type === 'refuse' || message.type === 'abort') {
      this.#error = errorFromPeer(message, { stage: stageOf(this.state), serving: 'old' })
    }
    this.#runner.dispatch(type, message)
  }

  #effects(): Effects {
    const { report, holdings } = this.#context
    return {
      'send-hello': () => {
        if (this.#old === undefined) return
        const { pid } = this.#context.system
        sendHello(this.#old, pid, ['older', 'state']).catch((error) => this.#fail(error))
      },
      'take-manifest': (message) =>
        this.#attempt(() => this.#takeManifest(message as Messages['manifest'])),
      'take-listeners': (frame) =>
        this.#attempt(() => this.#takeListeners(frame as Carried<'listeners'>)),
      'take-older': (frame) => {
        const { message, descriptors } = frame as Carried<'older'>
        this.#attempt(() => this.#context.line.receive(message, descriptors))
      },
      'take-state': (frame) => this.#attempt(() => this.#imports.take(frame as Carried<'state'>)),
      'close-unclaimed': () => {
        this.#imports.dropUnknown()
        this.#inheritance.settle()
        this.#unclaimed.close()
      },
      'send-ready': () => this.#sendReady(),
      'import-state': () => this.#imports.begin(),
      'take-rendezvous': () => {
        const take = () => holdings.takeRendezvous(this.#receipt?.takeRendezvous())
        void this.#imports.after(take)
      },
      open: () => {
        this.#deadline?.cancel()
        this.#old?.unref()
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
          message: `the old process closed ${forced} connections at its drain deadline`,
        })
      },
      'send-release': () => {
        this.#intake.endRests()
        this.#old?.send({ type: 'release' })
      },
      'send-abort': () => {
        const { code, reason } =
          this.#error ?? this.#failures.make('ERR_HANDOFF_APP_FAILED', 'it gave up')
        this.#old?.send({ type: 'abort', code, reason })
      },
      'turn-deaf': () => this.#old?.turnDeaf(),
      'hang-up': () => {
        this.#intake.endRests()
        this.#old?.close()
        this.#old = undefined
        this.#context.changed()
      },
      'give-up': () => this.#giveUp(),
    }
  }

  #takeManifest(manifest: Messages['manifest']): void {
    if (!supportedVersions.includes(manifest.version)) {
      throw this.#failures.make(
        'ERR_HANDOFF_VERSION',
        `the old process chose version ${manifest.version}`,
      )
    }
    this.#receipt = new Receipt(manifest, this.#context.holdings.listeners)
    this.#manifest = manifest
    this.#intake.begin(manifest)
  }

  #takeListeners({ message, descriptors }: Carried<'listeners'>): void {
    const receipt = this.#receipt as Receipt
    receipt.take(message, descriptors)
    this.#old?.send({ type: 'ack', received: receipt.received })
    if (receipt.complete) this.#runner.dispatch('complete')
  }

  /** The gates; unless this process was stopped, or replaced, while it imported. */
  #open(): Promise<void> {
    const { holdings, takesConnections } = this.#context
    this.#opening = true
    if (takesConnections()) return holdings.open()
    holdings.endListening(true)
    return new Promise(() => {}) // It ends.
  }

  #sendReady(): void {
    const { system, holdings } = this.#context
    this.#deadline?.cancel()
    this.#deadline = system.timer(commitTimeoutMs, () => {
      this.#error = this.#failures.make(
        'ERR_HANDOFF_TIMEOUT',
        `no commit within ${commitTimeoutMs} ms`,
      )
      this.#runner.dispatch('timeout')
    })
    this.#old?.send({ type: 'ready', ...readyMessage(holdings.gates) })
  }

  /** Once the gates are open; where that fails, this process must end, so that the old one takes back. */
  #announce(): void {
    const { report, holdings } = this.#context
    this.#opened.then(
      () => {
        report({ type: 'serving', replaces: this.replaces, listeners: holdings.places })
        this.#served = true
        this.#serving.resolve()
        this.#context.changed()
      },
      (cause: unknown) => {
        this.#error = this.#failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), cause)
        this.#giveUp()
      },
    )
  }

  #enter(state: NewState): void {
    const { report, holdings } = this.#context
    if (state === 'adopt') this.#inheritance.close()
    if (state === 'alone') this.#inheritance.use(holdings.listeners)
    const event = stageEvent(state, this.#manifest)
    if (event !== undefined) report(event)
    if (state === 'adopt' || state === 'alone') this.#adopting.resolve()
  }

  #giveUp(): void {
    const { report, holdings, gaveUp } = this.#context
    const error = this.#error ?? this.#failures.make('ERR_HANDOFF_APP_FAILED', 'it gave up')
    this.#deadline?.cancel()
    this.#inheritance.close()
    holdings.listeners.closeUnclaimed()
    this.#receipt?.close()
    const { code, reason } = error
    const stage = error.stage ?? stageOf(this.state)
    report({ type: 'aborted', stage, code, message: reason, serving: error.serving ?? 'none' })
    this.#adopting.reject(error)
    this.#serving.reject(error)
    gaveUp(error)
  }

  #attempt(effect: () => void): void {
    try {
      effect()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#error = this.#failures.place(error)
    if (this.#runner.takes('failure')) this.#runner.dispatch('failure')
  }

  #whoServes(): Serving {
    return this.#old === undefined ? 'none' : 'old'
  }

  #late(ms: number): HandoffError {
    const { late } = this.#imports
    return late === undefined
      ? this.#failures.make('ERR_HANDOFF_TIMEOUT', `after ${ms} ms`)
      : this.#failures.make('ERR_HANDOFF_STATE', `${late} within ${ms} ms`)
  }
}
