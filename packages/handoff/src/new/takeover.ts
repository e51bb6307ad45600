// The new side of one handoff, as far as it is the same for all: its table, and the talk with the old process.

import { Mark } from '../io/channel/mark.ts'
import { closeAll } from '../io/channel/wire.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { NewEvent, NewState } from '../protocol/machine.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import { type MarkWord, newEventsAfterLook } from '../protocol/mark.ts'
import { type Message, type Messages, supportedVersions } from '../protocol/messages.ts'
import { type Effects, Runner } from '../talk/runner.ts'
import { errorFromPeer, type HandoffError } from '../terms/errors.ts'
import { sendHello } from './discover.ts'
import { Failures } from './failure.ts'
import { type Carried, isCarrier, isEvent, type OldProcess } from './old-process.ts'
import { Receipt } from './receive.ts'
import { stageOf } from './stage-of.ts'

export interface TakeoverOptions {
  readonly system: System
  /** What this process understands beside the messages of its versions. */
  readonly accepts: readonly string[]
  /** What is done in this process, beside or in place of what is done here. */
  readonly effects: Effects
  /** Owns the descriptor of a listener that came. */
  receive(entry: ManifestEntry, fd: number): void
  onManifest(manifest: Messages['manifest']): void
  onState(state: NewState): void
}

export class Takeover {
  readonly failures = new Failures(() => ({
    stage: stageOf(this.state),
    serving: this.#old === undefined ? 'none' : 'old',
  }))
  readonly #options: TakeoverOptions
  readonly #runner: Runner<'new'>
  #old: OldProcess | undefined
  /** Absent where the old process knows none. */
  #mark: Mark | undefined
  #released = false
  /** Until the kernel has a release that stands in the channel alone. */
  #releasing: Promise<void> | undefined
  #manifest: Messages['manifest'] | undefined
  /** Of the old process, by the kernel's word; that of the manifest only where the kernel has none. */
  #pid = 0
  #receipt: Receipt | undefined
  #deadline: Timer | undefined
  #error: HandoffError | undefined

  constructor(options: TakeoverOptions) {
    this.#options = options
    const effects = { ...this.#effects(), ...options.effects }
    this.#runner = new Runner('new', 'discover', effects, options.onState)
  }

  get state(): NewState {
    return this.#runner.state
  }

  /** What the old process offers, once it has said so. */
  get manifest(): Messages['manifest'] | undefined {
    return this.#manifest
  }

  /** Which process the old one is; pid 0: the kernel does not say. */
  get oldName(): { pid: number; generation: number } | null {
    if (this.#manifest === undefined) return null
    return { pid: this.#pid, generation: this.#manifest.generation }
  }

  /** The old process has not done something within so many milliseconds; `missing` is the verb. */
  unanswered(missing: string, ms: number): HandoffError {
    return this.failures.unanswered(missing, ms, this.#pid || this.#old?.pid)
  }

  get receipt(): Receipt | undefined {
    return this.#receipt
  }

  /** Whether the old process may still live, for all that its channel tells. */
  get hasOld(): boolean {
    return this.#old !== undefined
  }

  /** Why it ends, if that is known; else it gave up. */
  get error(): HandoffError {
    return this.#error ?? this.failures.make('ERR_HANDOFF_APP_FAILED', 'it gave up')
  }

  /** Begins to talk. Owns the process's channel. */
  connect(old: OldProcess): void {
    this.#old = old
    old.start({
      onFrame: ({ message, descriptors }) => this.#take(message, descriptors),
      onEnd: (error) => {
        if (error === undefined) this.#dispatchAfterLook('eof')
        else this.fail(error)
      },
    })
    this.dispatch('connected')
  }

  /**
   * Blocks this thread until the old process has said something more.
   *
   * @returns false if it has gone, or does not answer within so many milliseconds.
   */
  hearNow(timeoutMs: number): boolean {
    return timeoutMs > 0 && (this.#old?.hearNow(timeoutMs) ?? false)
  }

  /** What the table does not know in this state changes nothing. */
  dispatch(event: NewEvent, detail?: unknown): void {
    this.#runner.dispatch(event, detail)
  }

  /** The handoff ends by a timeout, unless another deadline or none takes the place of this one. */
  setDeadline(ms: number, late: () => HandoffError): void {
    this.clearDeadline()
    this.#deadline = this.#options.system.timer(ms, () => {
      this.#error = late()
      this.#dispatchAfterLook('timeout')
    })
  }

  clearDeadline(): void {
    this.#deadline?.cancel()
  }

  fail(error: unknown): void {
    this.#error = this.failures.place(error)
    this.dispatch('failure')
  }

  /** Fails where the effect does. */
  attempt(effect: () => void): void {
    try {
      effect()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Resolves when the kernel has it, or nobody is there to hear it. */
  async send(message: Message): Promise<void> {
    await this.#old?.send(message)
  }

  /** Lets this process end although the channel is open. */
  unref(): void {
    this.#old?.unref()
  }

  /** Leaves a word where the old process finds it, however late it looks. */
  leave(word: MarkWord): void {
    this.#mark?.write(word)
  }

  /** The old process need not take back any more. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.leave('released')
    const sent = this.send({ type: 'release' })
    if (this.#old !== undefined && this.#mark === undefined) this.#releasing = sent
  }

  /**
   * Resolves when the old process will find the release, however late it looks; undefined where it
   * does so already.
   */
  get releasing(): Promise<void> | undefined {
    return this.#releasing
  }

  hangUp(): void {
    this.#old?.close()
    this.#old = undefined
    this.#mark?.close()
    this.#mark = undefined
  }

  #take(message: Message, descriptors: number[]): void {
    const { type } = message
    if (type === 'alive') {
      closeAll(descriptors)
      return void this.send({ type: 'alive' })
    }
    if (!isEvent(type) || !this.#runner.takes(type)) {
      closeAll(descriptors)
      const reason = `the old process sent ${type} too early or late`
      return this.fail(this.failures.make('ERR_HANDOFF_PROTOCOL', reason))
    }
    if (isCarrier(type)) return this.dispatch(type, { message, descriptors })
    closeAll(descriptors)
    if (message.type === 'refuse' || message.type === 'abort') {
      this.#error = errorFromPeer(message, { stage: stageOf(this.state), serving: 'old' })
    }
    this.dispatch(type, message)
  }

  #dispatchAfterLook(event: NewEvent): void {
    const news = this.#mark?.read()
    const events = news === undefined ? [event] : newEventsAfterLook(this.state, event, news)
    // Its reason has not come, and never will.
    if (events.includes('abort')) {
      this.#error = this.failures.make('ERR_HANDOFF_PEER_GONE', 'the old process gave up')
    }
    for (const next of events) this.dispatch(next)
  }

  #takeMark({ descriptors }: Carried<'mark'>): void {
    const mark = Mark.from(descriptors)
    if (this.#mark === undefined) {
      this.#mark = mark
    } else {
      mark.close()
      throw this.failures.make('ERR_HANDOFF_PROTOCOL', 'the old process sent two marks')
    }
  }

  #effects(): Effects {
    return {
      'send-hello': () => {
        const { system, accepts } = this.#options
        if (this.#old === undefined) return
        sendHello(this.#old, system.pid, [...accepts, 'mark']).catch((error) => this.fail(error))
      },
      'take-mark': (frame) => this.attempt(() => this.#takeMark(frame as Carried<'mark'>)),
      'take-manifest': (message) =>
        this.attempt(() => this.#takeManifest(message as Messages['manifest'])),
      'take-listeners': (frame) =>
        this.attempt(() => this.#takeListeners(frame as Carried<'listeners'>)),
      'send-release': () => this.release(),
      'send-abort': () => {
        const { code, reason } = this.error
        void this.send({ type: 'abort', code, reason })
      },
      'turn-deaf': () => this.#old?.turnDeaf(),
      'hang-up': () => this.hangUp(),
    }
  }

  #takeManifest(manifest: Messages['manifest']): void {
    const { version } = manifest
    if (!supportedVersions.includes(version)) {
      const reason = `the old process chose version ${version}`
      throw this.failures.make('ERR_HANDOFF_VERSION', reason)
    }
    this.#receipt = new Receipt(manifest, this.#options)
    this.#manifest = manifest
    this.#pid = this.#old?.pid ?? manifest.pid
    this.#options.onManifest(manifest)
  }

  #takeListeners({ message, descriptors }: Carried<'listeners'>): void {
    const receipt = this.#receipt as Receipt
    receipt.take(message, descriptors)
    void this.send({ type: 'ack', received: receipt.received })
    if (receipt.complete) this.dispatch('complete')
  }
}
