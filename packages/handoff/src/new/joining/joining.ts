// A process that serves takes over from one more: a worker that has no place any more.

import type { Holdings } from '../../generation/holdings.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { Rendezvous } from '../../io/rendezvous/rendezvous.ts'
import type { System } from '../../io/system/system.ts'
import type { NewState } from '../../protocol/machine.ts'
import type { Effects } from '../../talk/runner.ts'
import { deferred } from '../../terms/deferred.ts'
import { reasonOf } from '../../terms/errors.ts'
import type { HandoffEventBody } from '../../terms/events.ts'
import { findOldProcess } from '../discover.ts'
import { Intake } from '../intake.ts'
import type { Carried } from '../old-process.ts'
import { stageOf } from '../stage-of.ts'
import { Takeover } from '../takeover.ts'
import { JoinedListeners } from './joined-listeners.ts'

/** How long it may take, in milliseconds: nothing boots meanwhile, on either side. */
const joinTimeoutMs = 10_000

export interface JoiningContext {
  readonly system: System
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
  readonly #takeover: Takeover
  readonly #settled = deferred<void>()
  readonly #listeners: JoinedListeners
  readonly #intake: Intake
  #opened: Promise<void> = Promise.resolve()

  constructor(context: JoiningContext, rendezvous: string) {
    this.#context = context
    this.#rendezvous = rendezvous
    this.#listeners = new JoinedListeners(context.holdings)
    this.#intake = new Intake({
      gateOf: (key) => this.#listeners.gateOf(key),
      gates: () => [],
      takesConnections: () => context.takesConnections(),
      send: (message) => this.#takeover.send(message),
      fail: (error) => this.#takeover.fail(error),
    })
    this.#takeover = new Takeover({
      system: context.system,
      accepts: ['alive'],
      effects: this.#effects(),
      receive: (entry, fd) => this.#listeners.receive(entry, fd),
      onManifest: () => {},
      onState: (state) => this.#enter(state),
    })
  }

  /** Resolves when this process accepts from the other's listeners too, or the other serves on. */
  run(): Promise<void> {
    const { failures } = this.#takeover
    // Of the same supervisor.
    const { uid } = this.#context.system
    this.#takeover.attempt(() => {
      const old = findOldProcess(this.#rendezvous, { uid, allowUids: [] })
      if (old === undefined) {
        throw failures.make('ERR_HANDOFF_PEER_GONE', `nobody is at ${this.#rendezvous}`)
      }
      const late = () => this.#takeover.unanswered('hand over', joinTimeoutMs)
      this.#takeover.setDeadline(joinTimeoutMs, late)
      this.#takeover.connect(old)
    })
    return this.#settled.promise
  }

  /** As that of the birth: the other process need not take back any more. */
  succeeded(): Promise<void> | undefined {
    this.#takeover.dispatch('succeeded')
    return this.#takeover.releasing
  }

  /** Gives up what is not committed yet: the other process serves on. */
  fail(error: unknown): void {
    if (this.#takeover.state !== 'serving') this.#takeover.fail(error)
  }

  /** Whether the other process may still live, for all that its channel tells. */
  get oldMayLive(): boolean {
    return this.#takeover.hasOld
  }

  #effects(): Effects {
    return {
      // Not asked for.
      'take-older': (frame) => closeAll((frame as Carried<'older'>).descriptors),
      'take-state': (frame) => closeAll((frame as Carried<'state'>).descriptors),
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
      'take-connections': (frame) =>
        this.#intake.take(frame as Carried<'connections'>, this.#opened),
      'note-drained': () => {},
      'hang-up': () => {
        this.#takeover.hangUp()
        if (this.#takeover.state === 'serving') this.#endRendezvous()
        this.#context.follow()
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
    const { report, holdings, follow } = this.#context
    const from = this.#takeover.oldName ?? { pid: 0, generation: 0 }
    this.#opened.then(
      () => {
        this.#takeover.leave('serves')
        follow()
        report({ type: 'joined', from, listeners: holdings.places })
        this.#settled.resolve()
      },
      (cause: unknown) => {
        const { failures } = this.#takeover
        const error = failures.make('ERR_HANDOFF_LISTEN_FAILED', reasonOf(cause), cause)
        // Without a release: the other takes back.
        this.#takeover.hangUp()
        this.#giveUp(error)
      },
    )
  }

  /** Not before the end of the other, which may take back: then it has to be found there again. */
  #endRendezvous(): void {
    const received = this.#takeover.receipt?.takeRendezvous()
    if (received === undefined) return
    const unused = { onConnection: (fd: number) => closeAll([fd]), onError: () => {} }
    Rendezvous.adopt(received.entry, received.fd, unused).close({ unlink: true })
  }

  #giveUp(error = this.#takeover.error): void {
    this.#takeover.clearDeadline()
    this.#listeners.drop()
    this.#takeover.receipt?.close()
    const { code, reason, serving = 'none' } = error
    const stage = error.stage ?? stageOf(this.#takeover.state)
    this.#context.report({ type: 'aborted', stage, code, message: reason, serving })
    this.#settled.resolve()
  }

  #warn(messages: readonly string[]): void {
    for (const message of messages) this.#context.report({ type: 'warning', message })
  }
}
