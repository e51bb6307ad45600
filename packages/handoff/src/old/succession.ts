// The old side as a whole: runs its table from serving to exit, and back where a handoff fails.

import { Channel } from '../io/channel/channel.ts'
import { Wire } from '../io/channel/wire.ts'
import type { OldEvent, OldState } from '../protocol/machine.ts'
import { type MarkNews, noMark, oldEventsAfterLook } from '../protocol/mark.ts'
import type { Message, Messages } from '../protocol/messages.ts'
import { type Effects, Runner } from '../talk/runner.ts'
import { errorFromPeer, type HandoffError } from '../terms/errors.ts'
import type { HandoffEventBody, ProcessStage } from '../terms/events.ts'
import { countsOf, type DrainCounts } from '../terms/fates.ts'
import { plural } from '../terms/plural.ts'
import { Drain, drainedMessage } from './drain.ts'
import { Failures } from './failures.ts'
import { helloTimeoutMs, Lobby } from './lobby.ts'
import { chooseVersion, refusePeer } from './offer.ts'
import { Offering, type OfferingContext } from './offering.ts'
import { type Answer, isAnswer, Peer, type PeerHandlers } from './peer.ts'
import { Probation } from './probation.ts'
import { beforeCommit, stageOf, underWay } from './stage-of.ts'
import { TakeBack } from './take-back.ts'

/** What the old side asks of the process around it. */
export interface SuccessionContext extends OfferingContext {
  /**
   * A handoff begins here: its events count their time from now.
   *
   * @param peer - the pid of the new process, by the kernel's word.
   */
  begin(peer: number): void
  report(event: HandoffEventBody): void
  /**
   * The generation before this one need not take back any more.
   *
   * @returns a promise where it cannot know that yet: it resolves when it will.
   */
  releaseOld(): Promise<unknown> | undefined
  /** All that was at rest has gone over: the supervisor may want to hear how many that were. */
  progress(): void
  /** Waits, where need be, until an address that was given up here is free. */
  settled(): Promise<void> | undefined
  /** The handoff with this peer has ended: committed, or aborted with its reason. */
  ended(peer: number, error?: HandoffError): void
  /** The new process has not answered for so long since its commit. */
  silent(peer: number, ms: number): void
  /** The end: exit hooks, then exit. */
  leave(): void
}

export class Succession {
  readonly #context: SuccessionContext
  readonly #runner: Runner<'old'>
  readonly #takeBack: TakeBack
  readonly #failures = new Failures(() => ({
    stage: this.stage,
    name: this.#name,
    stops: this.state === 'stopping',
  }))
  #state: OldState = 'serving'
  #peer: Peer | undefined
  /** The pid of the peer of the handoff that is under way, or was last. */
  #peerPid = 0
  readonly #lobby: Lobby
  readonly #probation: Probation
  #offering: Offering | undefined
  #releasing: Promise<unknown> | undefined
  #ready: Messages['ready'] | undefined
  #drain: Drain | undefined
  #error: HandoffError | undefined

  constructor(context: SuccessionContext) {
    this.#context = context
    this.#takeBack = new TakeBack(context)
    this.#lobby = new Lobby({
      deny: (peer) => refusePeer(peer.identify(), context.system, context.settings),
      isFree: () => this.state === 'serving' || this.state === 'offer',
      busy: () => this.#failures.busy(),
      onHello: (peer, hello) => this.#prefer(peer, hello),
    })
    this.#probation = new Probation(context.system, {
      ask: () => this.#peer?.send({ type: 'alive' }),
      onSilent: (ms) => context.silent(this.#peerPid, ms),
      look: () => {
        this.#act(undefined, this.#peer?.look() ?? noMark)
        return this.state === 'drain' || this.state === 'guard'
      },
      onEnd: () => this.#dispatchAfterLook('probation'),
    })
    this.#runner = new Runner('old', 'serving', this.#effects(), (state) => this.#enter(state))
  }

  get state(): OldState {
    return this.#runner.state
  }

  /** The stage that this process is in, as its operator sees it. */
  get stage(): ProcessStage {
    return stageOf(this.state)
  }

  /** A process connected to the rendezvous socket. Owns the descriptor. */
  connect(fd: number): void {
    const peer = new Peer(new Wire(Channel.from(fd)), this.#context.system)
    // The first one may be a stray that never says hello.
    if (this.state === 'offer') this.#lobby.enter(peer, this.#listenerTo(peer))
    else this.#runner.dispatch('connect', peer)
  }

  /** The operator wants this process to end, with or without a successor. */
  stop(): void {
    this.#error = this.#failures.make('ERR_HANDOFF_STOPPING', 'this process is stopping')
    this.#runner.dispatch('stop')
  }

  /** The application closes: who is about to take over has to look elsewhere. */
  close(): void {
    if (this.state !== 'offer' && this.state !== 'send') return
    this.#fail(this.#failures.make('ERR_HANDOFF_STOPPING', 'the application has closed'))
  }

  /** Whether connections that arrive here can be served, or go on to the new process. */
  get takesConnections(): boolean {
    const { state } = this
    return beforeCommit.has(state) || (this.#drain?.handsOver ?? false)
  }

  /** A connection behind a gate has come to rest. */
  look(): void {
    this.#drain?.look()
  }

  /** A gate has no connection left, or went away. */
  checkDrained(): void {
    this.#drain?.check()
  }

  #effects(): Effects {
    const { settings, report } = this.#context
    return {
      'await-hello': (peer) => this.#awaitHello(peer as Peer),
      'refuse-busy': (peer) => {
        const other = peer as Peer
        other.refuse(this.#failures.busy())
        other.close()
      },
      'refuse-peer': () => this.#peer?.refuse(this.#reason()),
      'send-line': () => this.#attempt(() => this.#offering?.sendLine()),
      'send-manifest': (version) => {
        this.#setDeadline(settings.readyTimeoutMs, 'was not ready')
        this.#sendManifest(version as number)
      },
      'send-next': (message) =>
        this.#attempt(() => this.#offering?.ack(message as Messages['ack'])),
      'release-old': () => {
        this.#releasing = this.#context.releaseOld()
      },
      shut: (message) => this.#shut(message as Messages['ready'] | undefined),
      'export-state': () => this.#offering?.exportAtCommit(() => this.#runner.dispatch('exported')),
      'send-committed': () => this.#sendCommitted(),
      reopen: () => this.#takeBack.reopen(),
      'start-probation': () => {
        const answers = this.#offering?.accepts('alive') ?? false
        this.#probation.begin({ ...settings, answers })
      },
      'start-drain': () => this.#startDrain(),
      'note-adopted': (message) =>
        this.#attempt(() => this.#drain?.ack(message as Messages['adopted'])),
      'note-ended': (message) => this.#drain?.end(message as Messages['ended']),
      'note-rested': (message) =>
        this.#attempt(() => this.#drain?.rest(message as Messages['rested'])),
      'stop-hand-over': () => this.#drain?.stopHandOver(),
      'close-quiescent': () => {
        const { drainTimeoutMs } = settings
        for (const gate of this.#context.holdings.gates)
          gate.connections?.closeQuiescent(drainTimeoutMs)
      },
      'send-drained': (counts) => this.#peer?.send(drainedMessage(counts as DrainCounts)),
      'take-back': () => this.#resume(),
      'end-listening': () => {
        this.#probation.stop()
        this.#drain?.forget()
        this.#context.holdings.endListening(this.state === 'stopping')
      },
      leave: () => {
        report({ type: 'stage', stage: 'exit', detail: 'the application closes' })
        this.#context.leave()
      },
      'send-abort': () => {
        this.#peer?.abort(this.#reason())
      },
      'turn-deaf': () => {
        this.#peer?.turnDeaf()
        this.#endHandOver()
      },
      'hang-up': () => {
        this.#peer?.close()
        this.#peer = undefined
        this.#endHandOver()
      },
    }
  }

  #awaitHello(peer: Peer): void {
    const { system, settings, begin } = this.#context
    this.#peer = peer
    this.#peerPid = 0
    this.#error = undefined
    try {
      const credentials = peer.identify()
      this.#peerPid = credentials.pid
      begin(credentials.pid)
      const denied = refusePeer(credentials, system, settings)
      if (denied !== undefined) return this.#end('refuse', denied)
    } catch (cause) {
      const reason = 'who connected cannot be told'
      return this.#end('failure', this.#failures.make('ERR_HANDOFF_PEER_GONE', reason, cause))
    }
    this.#setDeadline(helloTimeoutMs, 'did not say hello')
    if (!peer.started) peer.start(this.#listenerTo(peer))
  }

  #listenerTo(peer: Peer): PeerHandlers {
    return {
      onMessage: (message) => {
        if (peer === this.#peer) this.#take(message)
      },
      onEnd: (error) => {
        if (peer !== this.#peer) return
        if (error === undefined) this.#end('eof', this.#failures.gone())
        else this.#fail(error)
      },
    }
  }

  /** Another peer has said hello first: the silent one is refused. */
  #prefer(peer: Peer, hello: Message): void {
    const silent = this.#peer
    if (this.state === 'offer' && silent !== undefined) {
      const { begin, report } = this.#context
      this.#peer = peer
      this.#peerPid = peer.pid
      begin(peer.pid)
      report({ type: 'stage', stage: 'offer', detail: `to ${this.#name}` })
      silent.refuse(this.#failures.busy())
      silent.close()
    } else this.#runner.dispatch('connect', peer)
    this.#take(hello)
  }

  #take(message: Message): void {
    const { type } = message
    if (type === 'alive') {
      this.#probation.answered()
    } else if (type === 'hello' && this.#runner.takes('hello')) {
      const version = chooseVersion(message)
      this.#offering = this.#offer(message.accepts)
      if (typeof version === 'number') this.#runner.dispatch('hello', version)
      else this.#end('refuse', version)
    } else if (type === 'abort') {
      this.#end('abort', errorFromPeer(message, { stage: this.#failures.stage, serving: 'old' }))
    } else if (this.#isInTurn(type)) {
      this.#runner.dispatch(type, message)
    } else {
      this.#fail(
        this.#failures.make('ERR_HANDOFF_PROTOCOL', `${this.#name} sent ${type} out of turn`),
      )
    }
  }

  #endHandOver(): void {
    this.#drain?.endHandOver()
    if (this.state === 'released') this.checkDrained()
  }

  #isInTurn(type: Message['type']): type is Answer {
    if (type === 'ready' && !this.#offering?.complete) return false
    return isAnswer(type) && this.#runner.takes(type)
  }

  #offer(accepts: Messages['hello']['accepts']): Offering | undefined {
    const peer = this.#peer
    if (peer === undefined) return undefined
    return new Offering(this.#context, peer, accepts, {
      isCurrent: () => this.#peer === peer,
      onWords: (news) => this.#act(undefined, news),
      onError: (error) => this.#fail(error),
    })
  }

  /** The commit: from here on the new process accepts. */
  #sendCommitted(): void {
    if (this.#ready !== undefined) this.#takeBack.drop(new Set(this.#ready.claimed))
    this.#peer?.send({ type: 'committed' })
    this.#context.ended(this.#peerPid)
  }

  #shut(ready: Messages['ready'] | undefined): void {
    this.#peer?.clearDeadline()
    const { rendezvous, gates, fates } = this.#context.holdings
    fates.start()
    rendezvous?.shut()
    for (const gate of gates) gate.shut()
    this.#ready = ready
  }

  #startDrain(): void {
    const { holdings, system, settings, report } = this.#context
    const detail = `${plural(holdings.connections, 'connection')} to finish`
    report({ type: 'stage', stage: 'drain', detail })
    this.#drain = new Drain(holdings, system, settings.drainTimeoutMs, {
      onDrained: (fates) => {
        const counts = countsOf(fates)
        report({ type: 'drained', counts, fates })
        this.#dispatchAfterLook('drained', counts)
      },
      onRest: () => this.#context.progress(),
      onWarning: (message) => report({ type: 'warning', message }),
    })
    this.#drain.start(this.#peer?.wire, this.#ready?.takes)
  }

  /** The new process died after the commit: this one accepts again, on the same queues. */
  #resume(): void {
    const drain = this.#drain
    this.#drain = undefined
    this.#probation.stop()
    this.#takeBack.resume(drain, this.#reason())
  }

  #enter(state: OldState): void {
    const { report, ended } = this.#context
    const before = this.#state
    this.#state = state
    if (state === 'offer') report({ type: 'stage', stage: 'offer', detail: `to ${this.#name}` })
    if (state === 'send') {
      const detail = `${plural(this.#offering?.listeners ?? 0, 'listener')} to ${this.#name}`
      report({ type: 'stage', stage: 'send', detail })
    }
    if (!underWay.has(before) || (state !== 'serving' && state !== 'stopping')) return
    const error = this.#reason()
    const { code, reason } = error
    const stage = before === 'offer' ? 'offer' : 'send'
    const peer = this.#peerPid
    report({ type: 'aborted', stage, code, message: reason, serving: 'old', peer })
    this.#offering = undefined
    ended(peer, error)
  }

  /**
   * Not before the generation before will find its release, however late it looks: one that knows no
   * mark finds it in the channel, once the kernel has it.
   */
  #sendManifest(version: number): void {
    const offering = this.#offering
    const send = () => this.#attempt(() => offering?.send(version))
    if (this.#releasing === undefined) return send()
    void this.#releasing.then(() => {
      if (this.#offering === offering && this.state === 'send') send()
    })
  }

  #end(event: OldEvent, error: HandoffError): void {
    this.#error = error
    this.#dispatchAfterLook(event)
  }

  #dispatchAfterLook(event: OldEvent, detail?: unknown): void {
    this.#act(event, this.#peer?.look() ?? noMark, detail)
  }

  #act(event: OldEvent | undefined, news: MarkNews, detail?: unknown): void {
    for (const next of oldEventsAfterLook(this.state, event, news)) {
      this.#runner.dispatch(next, next === event ? detail : undefined)
    }
  }

  #attempt(effect: () => void): void {
    try {
      effect()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#end('failure', this.#failures.place(error))
  }

  #setDeadline(ms: number, what: string): void {
    this.#peer?.setDeadline(ms, () => {
      const reason = `${this.#name} ${what} within ${ms} ms`
      this.#end('timeout', this.#failures.make('ERR_HANDOFF_TIMEOUT', reason))
    })
  }

  get #name(): string {
    return this.#peer?.name ?? 'the new process'
  }

  /** Why the handoff under way ends. */
  #reason(): HandoffError {
    return this.#error ?? this.#failures.gone()
  }
}
