// The new side of one handoff, as far as a birth and a joining have it in common: its table and its peer.

import type { PositionFile } from '../io/channel/position-file.ts'
import { closeAll } from '../io/channel/wire.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { NewState } from '../protocol/machine.ts'
import type { ManifestEntry } from '../protocol/manifest.ts'
import { newEventsAfterMark, noMark } from '../protocol/mark.ts'
import { type Message, type Messages, supportedVersions } from '../protocol/messages.ts'
import type { Effects, PlainEvent } from '../talk/effects.ts'
import { Failures, newAction } from '../talk/failures.ts'
import type { Received } from '../talk/frames.ts'
import type { Peer } from '../talk/peer.ts'
import { Runner } from '../talk/runner.ts'
import { newStageOf } from '../talk/stage-of.ts'
import { errorFromPeer, type HandoffError } from '../terms/errors.ts'
import { sendHello } from './discover.ts'
import { ReceivedListeners } from './listeners/received-listeners.ts'
import { longRampText, PaceReports } from './pace-reports.ts'

/** The effects that are the same in a birth and in a joining. */
type CommonEffect =
  | 'send-hello'
  | 'take-mark'
  | 'take-manifest'
  | 'take-listeners'
  | 'send-abort'
  | 'turn-deaf'
  | 'end-pace'

/** The effects that a birth and a joining implement themselves. */
export type TakeoverEffects = Omit<Effects<'new'>, CommonEffect>

export interface TakeoverOptions {
  readonly system: System
  /** The messages of later releases that this process knows. */
  readonly accepts: readonly string[]
  /** How long the old process may accept beside this one, in milliseconds. Absent or 0: it may not. */
  readonly rampMs?: number
  readonly effects: TakeoverEffects
  /** Receives a listener. Owns its descriptor. */
  receive(entry: ManifestEntry, fd: number): void
  onManifest(manifest: Messages['manifest']): void
  onState(state: NewState): void
  /** The old process does not end its ramp. */
  onLongRamp?(message: string): void
}

export class Takeover {
  readonly failures = new Failures(() => {
    const serving = this.oldMayLive ? 'old' : 'none'
    return { action: newAction(serving), stage: newStageOf(this.state), serving }
  }, 'ERR_HANDOFF_APP_FAILED')
  readonly #options: TakeoverOptions
  readonly #runner: Runner<'new'>
  readonly #pace: PaceReports
  readonly #rampMs: number
  #old: Peer<'new'> | undefined
  #released = false
  /** Resolves when the kernel has a release that is on no mark. */
  #releasing: Promise<void> | undefined
  #manifest: Messages['manifest'] | undefined
  /** The pid of the old process: that of the manifest only if the kernel does not say. */
  #pid = 0
  #received: ReceivedListeners | undefined
  #deadline: Timer | undefined
  #error: HandoffError | undefined

  constructor(options: TakeoverOptions) {
    const { rampMs = 0 } = options
    this.#options = options
    this.#rampMs = rampMs
    this.#pace = new PaceReports(options.system, {
      send: (message) => this.send(message),
      onOverdue: (ms) => options.onLongRamp?.(longRampText(this.#pid, ms)),
    })
    const effects: Effects<'new'> = { ...options.effects, ...this.#effects() }
    this.#runner = new Runner('new', 'discover', effects, options.onState)
  }

  get state(): NewState {
    return this.#runner.state
  }

  /** What the old process offers, once its manifest has come. */
  get manifest(): Messages['manifest'] | undefined {
    return this.#manifest
  }

  /** The old process, once its manifest has come; pid 0: the kernel does not say. */
  get replaces(): { pid: number; generation: number } | null {
    if (this.#manifest === undefined) return null
    return { pid: this.#pid, generation: this.#manifest.generation }
  }

  get received(): ReceivedListeners | undefined {
    return this.#received
  }

  /** Whether the old process may still live: its channel has not ended. */
  get oldMayLive(): boolean {
    return this.#old !== undefined
  }

  /** Why the handoff ends, if that is known. */
  get error(): HandoffError {
    return this.#error ?? this.failures.make('ERR_HANDOFF_APP_FAILED', 'it gave up')
  }

  /**
   * Makes the error that the old process did not answer.
   *
   * @param missing - what it did not do, as a verb.
   * @param or - another reason.
   */
  unanswered(missing: string, ms: number, or = ''): HandoffError {
    const pid = this.#pid || this.#old?.pid
    const known = pid !== undefined && pid > 0
    const name = `the old process${known ? ` (pid ${pid})` : ''}`
    const reason = `${name} did not ${missing} within ${ms / 1000} s: it hangs, or is stopped (SIGSTOP, a debugger)${or}`
    return this.failures.make('ERR_HANDOFF_TIMEOUT', reason, {
      help: `${known ? `\`kill -9 ${pid}\`` : 'kill -9'} ends the process that hangs; its supervisor then starts the server again.`,
    })
  }

  /** Returns the file of positions, if the old process has sent one. The caller owns it. */
  takePositions(): PositionFile | undefined {
    return this.#old?.takePositions()
  }

  /** Begins the handoff with this process. Owns it. */
  connect(old: Peer<'new'>): void {
    this.#old = old
    old.start({
      takes: ({ type }) => type === 'alive' || this.#runner.takes(type),
      onMessage: (message, descriptors) => this.#receive(message, descriptors),
      onOutOfTurn: (type) => {
        const reason = `the old process sent ${type} out of turn`
        this.fail(this.failures.make('ERR_HANDOFF_PROTOCOL', reason))
      },
      onEnd: (error) => {
        if (error === undefined) this.#dispatchAfterMark('eof')
        else this.fail(error)
      },
    })
    this.dispatch('connected')
  }

  /**
   * Blocks this thread until the next message of the old process has come.
   *
   * @returns false if there is none within so many milliseconds.
   */
  receiveNow(timeoutMs: number): boolean {
    return timeoutMs > 0 && this.#old?.receiveNow(timeoutMs) === true
  }

  /** See {@link Runner.dispatch}. */
  dispatch(event: PlainEvent<'new'>): void {
    this.#runner.dispatch(event)
  }

  /** Ends the handoff by a timeout, unless another deadline is set or this one is cleared before. */
  setDeadline(ms: number, makeError: () => HandoffError): void {
    this.clearDeadline()
    this.#deadline = this.#options.system.timer(ms, () => {
      this.#error = makeError()
      this.#dispatchAfterMark('timeout')
    })
  }

  clearDeadline(): void {
    this.#deadline?.cancel()
  }

  fail(error: unknown): void {
    this.#error = this.failures.place(error)
    this.dispatch('failure')
  }

  /** Runs the action; if it throws, the handoff fails. */
  attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Resolves when the kernel has the message, or the old process is dead. */
  async send(message: Message): Promise<void> {
    await this.#old?.send(message)
  }

  /** Lets this process end although the channel is open. */
  unref(): void {
    this.#old?.unref()
  }

  /** Leaves on the mark that this process serves. In a ramp it reports its pace from now on. */
  markServing(): void {
    this.#old?.leaveWord('serves')
    if (this.state === 'sharing') this.#pace.begin(this.#rampMs)
  }

  /** Releases the old process: it need not take back any more. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#old?.leaveWord('released')
    const sent = this.send({ type: 'release' })
    if (this.#old !== undefined && !this.#old.hasMark) this.#releasing = sent
  }

  /**
   * Resolves when the old process will find the release, however late it looks. Undefined if it does
   * so already.
   */
  get releasing(): Promise<void> | undefined {
    return this.#releasing
  }

  hangUp(): void {
    this.#old?.close()
    this.#old = undefined
  }

  #receive(message: Received<'new'>, descriptors: number[]): void {
    switch (message.type) {
      case 'alive':
        return void this.send({ type: 'alive' })
      case 'refuse':
      case 'abort':
        this.#error = errorFromPeer(message, { stage: this.failures.stage, serving: 'old' })
        return this.dispatch(message.type)
      case 'committed':
        return this.dispatch(this.#isShared(message) ? 'shared' : 'committed')
      case 'ramped':
        return this.dispatch('ramped')
      default:
        this.#runner.dispatch(message.type, message, descriptors)
    }
  }

  #isShared({ ramp }: Messages['committed']): boolean {
    return ramp === true && this.#rampMs > 0
  }

  #dispatchAfterMark(event: 'eof' | 'timeout'): void {
    const events = newEventsAfterMark(this.state, event, this.#old?.readMark() ?? noMark)
    // Its reason has not come, and never will.
    if (events.includes('abort')) {
      this.#error = this.failures.make('ERR_HANDOFF_PEER_GONE', 'the old process gave up')
    }
    for (const next of events) this.dispatch(next)
  }

  #effects(): Pick<Effects<'new'>, CommonEffect> {
    return {
      'send-hello': () => {
        const { system, accepts } = this.#options
        if (this.#old === undefined) return
        const all = [...accepts, 'mark', ...(this.#rampMs > 0 ? ['ramp'] : [])]
        sendHello(this.#old, system.pid, all).catch((error) => this.fail(error))
      },
      'take-mark': (_, descriptors) =>
        this.attempt(() => {
          if (this.#old?.receiveMark(descriptors) !== false) return
          throw this.failures.make('ERR_HANDOFF_PROTOCOL', 'the old process sent two marks')
        }),
      'take-manifest': (manifest) => this.attempt(() => this.#takeManifest(manifest)),
      'take-listeners': (message, descriptors) =>
        this.attempt(() => this.#takeListeners(message, descriptors)),
      'send-abort': () => this.#old?.abort(this.error),
      'turn-deaf': () => this.#old?.ignoreMessages(),
      'end-pace': () => this.#pace.end(),
    }
  }

  #takeManifest(manifest: Messages['manifest']): void {
    const { version } = manifest
    if (!supportedVersions.includes(version)) {
      const reason = `the old process chose version ${version}`
      throw this.failures.make('ERR_HANDOFF_VERSION', reason)
    }
    this.#received = new ReceivedListeners(manifest, this.#options)
    this.#manifest = manifest
    this.#pid = this.#old?.pid ?? manifest.pid
    this.#options.onManifest(manifest)
  }

  #takeListeners(message: Messages['listeners'], descriptors: number[]): void {
    const listeners = this.#received
    if (listeners === undefined) return closeAll(descriptors)
    listeners.take(message, descriptors)
    void this.send({ type: 'ack', received: listeners.received })
    if (listeners.complete) this.dispatch('complete')
  }
}
