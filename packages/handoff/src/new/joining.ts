// A process that serves takes over from one more: a worker that has no place any more.

import { deferred } from '../deferred.ts'
import type { HandoffEventBody } from '../diagnostics.ts'
import { errorFromPeer, type HandoffError, reasonOf } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import { Rendezvous } from '../io/rendezvous.ts'
import type { System, Timer } from '../io/system.ts'
import { closeAll } from '../io/wire.ts'
import type { Settings } from '../options.ts'
import type { NewState } from '../protocol/machine.ts'
import { type Message, type Messages, supportedVersions } from '../protocol/messages.ts'
import { type Effects, Runner } from '../runner.ts'
import { findOldProcess, sendHello } from './discover.ts'
import { Failures } from './failure.ts'
import { Intake } from './intake.ts'
import { JoinedListeners } from './joined-listeners.ts'
import { type Carried, isCarrier, isEvent, type OldProcess } from './old-process.ts'
import { Receipt } from './receive.ts'
import { stageOf } from './stage-of.ts'

/** How long it may take, in milliseconds: nothing boots meanwhile, on either side. */
const joinTimeoutMs = 10_000

export interface JoiningContext {
  readonly system: System
  readonly settings: Settings
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
  /** Whether connections can still be served here, or go on to a successor. */
  takesConnections(): boolean
  /** The listeners of this process have changed. */
  follow(): void
}

/**
 * The new side of one more handoff, by the same table, in a process that serves already. It has no
 * application to wait for, takes no state and no line of generations: those of this process count.
 */
export class Joining {
  readonly #context: JoiningContext
  readonly #rendezvous: string
  readonly #runner: Runner<'new'>
  readonly #settled = deferred<void>()
  readonly #listeners: JoinedListeners
  readonly #intake: Intake
  readonly #failures = new Failures(() => ({
    stage: stageOf(this.#runner.state),
    serving: this.#old === undefined ? 'none' : 'old',
  }))
  #old: OldProcess | undefined
  #manifest: Messages['manifest'] | undefined
  #receipt: Receipt | undefined
  #deadline: Timer | undefined
  #opened: Promise<void> = Promise.resolve()
  #error: HandoffError | undefined

  constructor(context: JoiningContext, rendezvous: string) {
    this.#context = context
    this.#rendezvous = rendezvous
    this.#listeners = new JoinedListeners(context.holdings)
    this.#intake = new Intake({
      gateOf: (key) => this.#listeners.gateOf(key),
      gates: () => [],
      takesConnections: () => context.takesConnections(),
      send: async (message) => await this.#old?.send(message),
      fail: (error) => this.#fail(error),
    })
    this.#runner = new Runner('new', 'discover', this.#effects(), (state) => this.#enter(state))
  }

  /** Resolves when this process accepts from the other's listeners too, or the other serves on. */
  run(): Promise<void> {
    const { system } = this.#context
    try {
      this.#old = findOldProcess(this.#rendezvous, system.uid)
    } catch (error) {
      this.fail(error)
    }
    const old = this.#old
    if (old === undefined) {
      this.fail(this.#failures.make('ERR_HANDOFF_PEER_GONE', `nobody is at ${this.#rendezvous}`))
    } else {
      this.#deadline = system.timer(joinTimeoutMs, () => {
        this.#error = this.#failures.make('ERR_HANDOFF_TIMEOUT', `after ${joinTimeoutMs} ms`)
        this.#runner.dispatch('timeout')
      })
      old.start({
        onFrame: ({ message, descriptors }) => this.#take(message, descriptors),
        onEnd: (error) => (error === undefined ? this.#runner.dispatch('eof') : this.#fail(error)),
      })
      this.#runner.dispatch('connected')
    }
    return this.#settled.promise
  }

  /** This process has committed to its own successor: the other need not take back any more. */
  succeeded(): void {
    this.#runner.dispatch('succeeded')
  }

  /** Gives up what is not committed yet: the other process serves on. */
  fail(error: unknown): void {
    if (this.#runner.state !== 'serving') this.#fail(error)
  }

  #fail(error: unknown): void {
    this.#error = this.#failures.place(error)
    this.#runner.dispatch('failure')
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
      this.#error = errorFromPeer(message, { stage: stageOf(this.#runner.state), serving: 'old' })
    }
    this.#runner.dispatch(type, message)
  }

  #effects(): Effects {
    return {
      'send-hello': () => {
        const { pid } = this.#context.system
        if (this.#old === undefined) return
        sendHello(this.#old, pid, []).catch((error) => this.#fail(error))
      },
      'take-manifest': (message) =>
        this.#attempt(() => this.#takeManifest(message as Messages['manifest'])),
      'take-listeners': (frame) =>
        this.#attempt(() => this.#takeListeners(frame as Carried<'listeners'>)),
      // Not asked for.
      'take-older': (frame) => closeAll((frame as Carried<'older'>).descriptors),
      'take-state': (frame) => closeAll((frame as Carried<'state'>).descriptors),
      'close-unclaimed': () => this.#warn(this.#listeners.claim()),
      'send-ready': () => {
        const { claimed, takes } = this.#listeners
        this.#old?.send({ type: 'ready', claimed, takes })
      },
      'import-state': () => {},
      'take-rendezvous': () => {},
      open: () => {
        this.#deadline?.cancel()
        this.#old?.unref()
        this.#opened = this.#listeners.open()
      },
      'announce-serving': () => this.#announce(),
      'take-connections': (frame) =>
        this.#intake.take(frame as Carried<'connections'>, this.#opened),
      'note-drained': () => {},
      'send-release': () => this.#old?.send({ type: 'release' }),
      'send-abort': () => {
        const { code, reason } = this.#error ?? this.#gaveUp()
        this.#old?.send({ type: 'abort', code, reason })
      },
      'turn-deaf': () => this.#old?.turnDeaf(),
      'hang-up': () => this.#hangUp(),
      'give-up': () => this.#giveUp(),
    }
  }

  #takeManifest(manifest: Messages['manifest']): void {
    const { version } = manifest
    if (!supportedVersions.includes(version)) {
      const reason = `the old process chose version ${version}`
      throw this.#failures.make('ERR_HANDOFF_VERSION', reason)
    }
    this.#receipt = new Receipt(manifest, this.#listeners)
    this.#manifest = manifest
  }

  #takeListeners({ message, descriptors }: Carried<'listeners'>): void {
    const receipt = this.#receipt as Receipt
    receipt.take(message, descriptors)
    this.#old?.send({ type: 'ack', received: receipt.received })
    if (receipt.complete) this.#runner.dispatch('complete')
  }

  #enter(state: NewState): void {
    if (state === 'adopt') this.#runner.dispatch('ready')
    // Its supervisor has its listeners, and starts it again.
    if (state === 'alone') {
      this.fail(this.#failures.make('ERR_HANDOFF_PEER_GONE', 'the old process is gone'))
    }
  }

  #announce(): void {
    const { report, holdings, follow } = this.#context
    const { pid = 0, generation = 0 } = this.#manifest ?? {}
    this.#opened.then(
      () => {
        follow()
        report({ type: 'joined', from: { pid, generation }, listeners: holdings.places })
        this.#settled.resolve()
      },
      (cause: unknown) => {
        this.#error = this.#failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), cause)
        // Without a release: the other takes back.
        this.#old?.close()
        this.#old = undefined
        this.#giveUp()
      },
    )
  }

  #hangUp(): void {
    this.#old?.close()
    this.#old = undefined
    if (this.#runner.state === 'serving') this.#endRendezvous()
  }

  /** Not before the end of the other, which may take back: then it has to be found there again. */
  #endRendezvous(): void {
    const received = this.#receipt?.takeRendezvous()
    if (received === undefined) return
    const unused = { onConnection: (fd: number) => closeAll([fd]), onError: () => {} }
    Rendezvous.adopt(received.entry, received.fd, unused).close({ unlink: true })
  }

  #giveUp(): void {
    this.#deadline?.cancel()
    this.#listeners.drop()
    this.#receipt?.close()
    const { code, reason, stage, serving = 'none' } = this.#error ?? this.#gaveUp()
    const where = stage ?? stageOf(this.#runner.state)
    this.#context.report({ type: 'aborted', stage: where, code, message: reason, serving })
    this.#settled.resolve()
  }

  #gaveUp(): HandoffError {
    return this.#failures.make('ERR_HANDOFF_APP_FAILED', 'it gave up')
  }

  #warn(messages: readonly string[]): void {
    for (const message of messages) this.#context.report({ type: 'warning', message })
  }

  #attempt(effect: () => void): void {
    try {
      effect()
    } catch (error) {
      this.#fail(error)
    }
  }
}
