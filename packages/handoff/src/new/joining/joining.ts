// Takes over from one more process, a surplus worker, in a process that serves already.

import type { Holdings } from '../../generation/holdings.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { Rendezvous } from '../../io/rendezvous/rendezvous.ts'
import type { System } from '../../io/system/system.ts'
import type { NewState } from '../../protocol/machine.ts'
import { newStageOf } from '../../talk/stage-of.ts'
import { deferred } from '../../terms/deferred.ts'
import { reasonOf } from '../../terms/errors.ts'
import type { HandoffEventBody } from '../../terms/events.ts'
import { Intake, type PassingContext } from '../connections/intake.ts'
import { findOldProcess } from '../discover.ts'
import { Takeover, type TakeoverEffects } from '../takeover.ts'
import { JoinedListeners } from './joined-listeners.ts'

/** How long it may take, in milliseconds: no program boots meanwhile, on either side. */
const joinTimeoutMs = 10_000

export interface JoiningContext extends PassingContext {
  readonly system: System
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
  /** The listeners of this process have changed. */
  listenersChanged(): void
}

/**
 * The new side of one more handoff, by the same table. It waits for no application, and takes no state
 * and no line of generations: those of this process count.
 */
export class Joining {
  readonly #context: JoiningContext
  readonly #rendezvous: string
  readonly #takeover: Takeover
  readonly #ended = deferred<void>()
  readonly #listeners: JoinedListeners
  /** Takes connections from the other process. */
  readonly intake: Intake
  #opened: Promise<void> = Promise.resolve()

  constructor(context: JoiningContext, rendezvous: string) {
    this.#context = context
    this.#rendezvous = rendezvous
    this.#listeners = new JoinedListeners(context.holdings)
    this.intake = new Intake({
      ...context,
      gateOf: (key) => this.#listeners.gateOf(key),
      gates: () => [],
      send: (message) => this.#takeover.send(message),
      fail: (error) => this.#takeover.fail(error),
    })
    this.#takeover = new Takeover({
      system: context.system,
      accepts: ['alive', 'relay'],
      effects: this.#effects(),
      receive: (entry, fd) => this.#listeners.receive(entry, fd),
      onManifest: (manifest) => this.intake.begin(manifest, { reportsRests: false }),
      onState: (state) => this.#enter(state),
    })
  }

  /** Resolves when this process accepts from the other's listeners too, or the other serves on. */
  run(): Promise<void> {
    const { failures } = this.#takeover
    // Both processes have the same supervisor.
    const { system } = this.#context
    const { uid } = system
    this.#takeover.attempt(() => {
      const old = findOldProcess(this.#rendezvous, { uid, allowUids: [] }, system)
      if (old === undefined) {
        throw failures.make('ERR_HANDOFF_PEER_GONE', `no process answers at ${this.#rendezvous}`)
      }
      const late = () => this.#takeover.unanswered('hand over', joinTimeoutMs)
      this.#takeover.setDeadline(joinTimeoutMs, late)
      this.#takeover.connect(old)
    })
    return this.#ended.promise
  }

  /** As {@link Birth.releaseOld}: the other process need not take back any more. */
  releaseOld(why: 'succeeded' | 'stopped'): Promise<void> | undefined {
    this.#takeover.dispatch(why)
    return this.#takeover.releasing
  }

  /** Aborts, unless the other process has committed: it serves on. */
  fail(error: unknown): void {
    if (this.#takeover.state !== 'serving') this.#takeover.fail(error)
  }

  /** Whether the other process may still live: its channel has not ended. */
  get oldMayLive(): boolean {
    return this.#takeover.oldMayLive
  }

  #effects(): TakeoverEffects {
    return {
      // This process does not ask for these.
      'take-older': (_, descriptors) => closeAll(descriptors),
      'take-state': (_, descriptors) => closeAll(descriptors),
      'close-unclaimed': () => this.#warn(this.#listeners.claim()),
      'send-ready': () => {
        const { claimed, takes } = this.#listeners
        void this.#takeover.send({ type: 'ready', claimed, takes })
      },
      'import-state': () => {},
      'take-rendezvous': () => {},
      open: () => {
        this.#takeover.clearDeadline()
        this.#takeover.unref()
        this.#opened = this.#listeners.open()
      },
      'announce-serving': () => this.#announce(),
      'take-connections': (message, descriptors) =>
        this.intake.take(message, descriptors, this.#opened),
      'note-drained': () => this.intake.end(),
      // This process does not ask for a ramp.
      'hold-rendezvous': () => {},
      'send-release': () => this.#takeover.release(),
      'send-declined': () => this.intake.decline(),
      'hang-up': () => {
        this.#takeover.hangUp()
        if (this.#takeover.state === 'serving') this.#endRendezvous()
        this.intake.end()
        this.#context.listenersChanged()
      },
      'give-up': () => this.#giveUp(),
    }
  }

  #enter(state: NewState): void {
    if (state === 'adopt') this.#takeover.dispatch('ready')
    // Its supervisor has its listeners, and starts it again.
    if (state === 'alone') {
      const { failures } = this.#takeover
      this.fail(failures.make('ERR_HANDOFF_PEER_GONE', 'the old process is gone'))
    }
  }

  #announce(): void {
    const { report, holdings, listenersChanged } = this.#context
    const from = this.#takeover.replaces ?? { pid: 0, generation: 0 }
    this.#opened.then(
      () => {
        this.#takeover.markServing()
        listenersChanged()
        report({ type: 'joined', from, listeners: holdings.places })
        this.#ended.resolve()
      },
      (cause: unknown) => {
        const { failures } = this.#takeover
        const error = failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), { cause })
        // No release is sent: the other process takes back.
        this.#takeover.hangUp()
        this.#giveUp(error)
      },
    )
  }

  /** Closes the other process's rendezvous socket, after its end: until then it may take back. */
  #endRendezvous(): void {
    const received = this.#takeover.received?.takeRendezvous()
    if (received === undefined) return
    const unused = { onConnection: (fd: number) => closeAll([fd]), onError: () => {} }
    Rendezvous.adopt(received.entry, received.fd, unused).close({ unlink: true })
  }

  #giveUp(error = this.#takeover.error): void {
    this.#takeover.clearDeadline()
    this.#listeners.drop()
    this.#takeover.received?.close()
    const { code, reason, serving = 'none' } = error
    const stage = error.stage ?? newStageOf(this.#takeover.state)
    this.#context.report({ type: 'aborted', stage, code, message: reason, serving })
    this.#ended.resolve()
  }

  #warn(messages: readonly string[]): void {
    for (const message of messages) this.#context.report({ type: 'warning', message })
  }
}
