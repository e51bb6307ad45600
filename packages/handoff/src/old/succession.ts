// The old side as a whole: runs its table from serving to exit, and back if a handoff fails.

import type { OldState } from '../protocol/machine.ts'
import { type MarkNews, oldEventsAfterMark } from '../protocol/mark.ts'
import type { MessageOf } from '../protocol/messages.ts'
import type { Effects, PlainEvent } from '../talk/effects.ts'
import type { Received } from '../talk/frames.ts'
import type { Peer } from '../talk/peer.ts'
import { Runner } from '../talk/runner.ts'
import { acceptsIn, canAbort, isBeforeCommit, oldStageOf } from '../talk/stage-of.ts'
import type { HandoffError } from '../terms/errors.ts'
import type { ProcessStage } from '../terms/events.ts'
import { drainedMessage } from './drain/drain.ts'
import { Probation } from './drain/probation.ts'
import { Ramp } from './drain/ramp.ts'
import { Retirement } from './drain/retirement.ts'
import { EndReason } from './end-reason.ts'
import { Offering } from './offer/offering.ts'
import { chooseVersion } from './offer/peer-checks.ts'
import { Successor } from './offer/successor.ts'
import { helloTimeoutMs, refuse } from './offer/waiting-peers.ts'
import { abortedEvent, stageEvent } from './stage-event.ts'
import type { SuccessionContext } from './succession-context.ts'

export class Succession {
  readonly #context: SuccessionContext
  readonly #runner: Runner<'old'>
  readonly #endReason: EndReason
  readonly #retirement: Retirement
  readonly #successor: Successor
  readonly #probation: Probation
  readonly #ramp: Ramp
  #offering: Offering | undefined
  #releasing: Promise<unknown> | undefined

  constructor(context: SuccessionContext) {
    this.#context = context
    this.#endReason = new EndReason(() => ({ state: this.state, name: this.#successor.name }))
    this.#retirement = new Retirement(context, (counts) => {
      for (const event of this.#eventsAfterMark('drained')) {
        if (event === 'drained') this.#runner.dispatch('drained', counts)
        else this.#runner.dispatch(event)
      }
    })
    this.#successor = new Successor(context, {
      state: () => this.state,
      onConnect: (peer) => this.#runner.dispatch('connect', peer),
      onReplaced: () => this.#reportStage('offer'),
      onLateHello: (hello) => this.#receiveHello(hello),
      busyError: () => this.#endReason.busy(),
      takes: ({ type }) => {
        if (type === 'ready' && !this.#offering?.complete) return false
        return type === 'alive' || this.#runner.takes(type)
      },
      onMessage: (message) => this.#receive(message),
      onOutOfTurn: (type) => this.#fail(this.#endReason.outOfTurn(type)),
      onEnd: (error) =>
        error === undefined ? this.#end('eof', this.#endReason.gone()) : this.#fail(error),
    })
    this.#probation = new Probation(context.system, {
      ask: () => void this.#successor.peer?.send({ type: 'alive' }),
      onSilent: (ms) => context.silent(this.#successor.pid, ms),
      readMark: () => {
        this.#receiveWords(this.#successor.readMark())
        return this.state === 'ramp' || this.state === 'drain' || this.state === 'guard'
      },
      onEnd: () => this.#dispatchAfterMark('probation'),
    })
    this.#ramp = new Ramp(context, {
      moving: () => this.#retirement.handOver ?? { pending: 0, left: 0 },
      onEnd: () => this.#dispatchAfterMark('ramped'),
    })
    this.#runner = new Runner('old', 'serving', this.#effects(), (to, from) =>
      this.#enter(to, from),
    )
  }

  get state(): OldState {
    return this.#runner.state
  }

  /** The stage that this process is in, as its operator sees it. */
  get stage(): ProcessStage {
    return oldStageOf(this.state)
  }

  /** Whether clients that connect still belong to this process. */
  get isBeforeCommit(): boolean {
    return isBeforeCommit(this.state)
  }

  /** A process connected to the rendezvous socket. Owns the descriptor. */
  connect(fd: number): void {
    this.#successor.connect(fd)
  }

  /** Stops this process, with or without a successor. */
  stop(): void {
    this.#endReason.set(this.#endReason.stopping('this process is stopping'))
    this.#runner.dispatch('stop')
  }

  /** The application closes: a new process that is about to take over fails. */
  close(): void {
    if (this.state !== 'offer' && this.state !== 'send') return
    this.#fail(this.#endReason.stopping('the application has closed'))
  }

  /** Whether connections that arrive here can be served, or go on to the new process. */
  get takesConnections(): boolean {
    return acceptsIn(this.state) || this.#retirement.handOver?.stopped === false
  }

  /** Call this when a connection behind a gate may have become quiescent. */
  recheckConnections(): void {
    this.#retirement.handOver?.recheck()
  }

  /** Call this when a gate has no connection left, or was closed. */
  checkDrained(): void {
    this.#retirement.checkDrained()
  }

  #effects(): Effects<'old'> {
    const { settings, report, leave } = this.#context
    const retirement = this.#retirement
    const successor = this.#successor
    return {
      'await-hello': (peer) => this.#awaitHello(peer),
      'refuse-busy': (peer) => refuse(peer, this.#endReason.busy()),
      'refuse-peer': () => successor.peer?.refuse(this.#endReason.error),
      'send-line': () => this.#attempt(() => this.#offering?.sendLine()),
      'send-manifest': () => {
        this.#setDeadline(settings.readyTimeoutMs, 'was not ready')
        void this.#offering?.send(this.#releasing)
      },
      'send-next': (message) => this.#attempt(() => this.#offering?.ack(message)),
      'release-old': () => {
        this.#releasing = this.#context.releaseOld()
      },
      shut: (ready) => {
        successor.peer?.clearDeadline()
        retirement.shut(ready)
      },
      'shut-rendezvous': (ready) => retirement.shutRendezvous(ready),
      'export-state': () => this.#offering?.exportAtCommit(() => this.#runner.dispatch('exported')),
      'send-committed': () => {
        retirement.commit()
        successor.commit({ ramp: this.state === 'ramp' })
        this.#context.ended(successor.pid)
      },
      'start-ramp': (ready) => retirement.ramp(successor.peer, ready, this.#ramp.begin()),
      'note-pace': (message) => this.#ramp.notePace(message),
      'send-ramped': () => void successor.peer?.send({ type: 'ramped' }),
      reopen: () => retirement.reopen(),
      'start-probation': () => {
        const answers = this.#offering?.accepts('alive') === true
        this.#probation.begin({ ...settings, answers })
      },
      'start-drain': () => retirement.drain(successor.peer),
      'note-adopted': (message) => this.#attempt(() => retirement.handOver?.noteAdopted(message)),
      'note-ended': (message) => retirement.handOver?.noteEnded(message),
      'note-rested': (message) => this.#attempt(() => retirement.handOver?.noteRested(message)),
      'release-hand-over': () => retirement.releaseHandOver(this.#offering?.accepts('relay')),
      'end-hand-over': () => this.#endHandOver(),
      'close-quiescent': () => retirement.closeQuiescent(),
      'send-drained': (counts) => void successor.peer?.send(drainedMessage(counts)),
      'take-back': () => {
        this.#probation.stop()
        retirement.takeBack(this.#endReason.error)
      },
      'end-listening': () => {
        this.#probation.stop()
        retirement.endListening(this.state === 'stopping')
      },
      leave: () => {
        report({ type: 'stage', stage: 'exit', detail: 'the application closes' })
        leave()
      },
      'send-abort': () => successor.peer?.abort(this.#endReason.error),
      'turn-deaf': () => {
        successor.peer?.ignoreMessages()
        successor.peer?.stopSending()
        retirement.ignoreAcks()
      },
      'hang-up': () => {
        successor.hangUp()
        this.#endHandOver()
      },
    }
  }

  #awaitHello(peer: Peer<'old'>): void {
    this.#endReason.set(undefined)
    try {
      const denial = this.#successor.accept(peer)
      if (denial !== undefined) return this.#end('refuse', denial)
    } catch (cause) {
      return this.#end('failure', this.#endReason.unidentified(cause))
    }
    this.#setDeadline(helloTimeoutMs, 'did not say hello')
    this.#successor.start()
  }

  #receive(message: Received<'old'>): void {
    switch (message.type) {
      case 'alive':
        return this.#probation.noteAnswer()
      case 'hello':
        return this.#receiveHello(message)
      case 'abort':
        return this.#end('abort', this.#endReason.fromPeer(message))
      case 'release':
      case 'declined':
        return this.#runner.dispatch(message.type)
      case 'ready': {
        const obstacle = this.#ramp.obstacle(this.#offering?.accepts('ramp') === true)
        this.#retirement.withoutRamp(obstacle)
        return this.#runner.dispatch(obstacle === undefined ? 'share' : 'ready', message)
      }
      default:
        this.#runner.dispatch(message.type, message)
    }
  }

  #receiveHello(hello: MessageOf<'hello'>): void {
    const { peer } = this.#successor
    if (peer === undefined) return // It may not take over.
    const version = chooseVersion(hello)
    if (typeof version !== 'number') return this.#end('refuse', version)
    this.#offering = new Offering(this.#context, peer, version, hello.accepts, {
      isCurrent: () => this.#successor.peer === peer,
      onWords: (news) => this.#receiveWords(news),
      onError: (error) => this.#fail(error),
    })
    this.#runner.dispatch('hello', hello)
  }

  #endHandOver(): void {
    this.#retirement.endHandOver()
    if (this.state === 'released') this.checkDrained()
  }

  #enter(state: OldState, before: OldState): void {
    this.#reportStage(state)
    this.#ramp.follow(state)
    const { error } = this.#endReason
    const { pid } = this.#successor
    if (before === 'ramp' || (before === 'commit' && state === 'drain')) {
      this.#context.replaced(pid, state === 'serving' ? error : undefined)
    }
    if (!canAbort(before) || (state !== 'serving' && state !== 'stopping')) return
    this.#context.report(abortedEvent(before, error, pid))
    this.#offering = undefined
    this.#context.ended(pid, error)
  }

  #reportStage(state: OldState): void {
    const event = stageEvent(state, this.#successor.name, this.#offering?.listeners ?? 0)
    if (event !== undefined) this.#context.report(event)
  }

  #end(event: PlainEvent<'old'>, error: HandoffError): void {
    this.#endReason.set(error)
    this.#dispatchAfterMark(event)
  }

  #dispatchAfterMark(event: PlainEvent<'old'>): void {
    for (const next of this.#eventsAfterMark(event)) this.#runner.dispatch(next)
  }

  #eventsAfterMark<E extends PlainEvent<'old'> | 'drained'>(event: E) {
    return oldEventsAfterMark(this.state, event, this.#successor.readMark())
  }

  /** Acts on what the new process has left on the mark. */
  #receiveWords(news: MarkNews): void {
    const events = oldEventsAfterMark<never>(this.state, undefined, news)
    for (const event of events) this.#runner.dispatch(event)
  }

  #attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#end('failure', this.#endReason.place(error))
  }

  #setDeadline(ms: number, missing: string): void {
    this.#successor.peer?.setDeadline(ms, () =>
      this.#end('timeout', this.#endReason.late(missing, ms)),
    )
  }
}
