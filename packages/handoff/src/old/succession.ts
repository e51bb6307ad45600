// The old side as a whole: runs its table from serving to exit, and back where a handoff fails.

import type { DrainCounts, HandoffEventBody, ProcessStage, Stage } from '../diagnostics.ts'
import { errorFromPeer, HandoffError } from '../errors.ts'
import type { Holdings } from '../holdings.ts'
import { Channel } from '../io/channel.ts'
import type { System, Timer } from '../io/system.ts'
import { closeAll, Wire } from '../io/wire.ts'
import type { Settings } from '../options.ts'
import type { Frame } from '../protocol/codec.ts'
import type { OldEvent, OldState } from '../protocol/machine.ts'
import type { Messages } from '../protocol/messages.ts'
import { type Effects, Runner } from '../runner.ts'
import { Drain } from './drain.ts'
import { HandOver } from './hand-over.ts'
import { chooseVersion, refusePeer } from './offer.ts'
import { Sending } from './send.ts'
import { TakeBack } from './take-back.ts'

/** How long a peer that connected may take to say hello, in milliseconds: it has nothing else to do. */
const helloTimeoutMs = 5_000

/** What the old side asks of the process around it. */
export interface SuccessionContext {
  readonly system: System
  readonly settings: Settings
  readonly holdings: Holdings
  generation(): number
  /** A handoff begins here: its events count their time from now. */
  begin(): void
  report(event: HandoffEventBody): void
  /** The generation before this one need not take back any more. */
  releaseOld(): void
  /** A handoff has ended: committed, or aborted with its reason. */
  ended(error?: HandoffError): void
  /** The end: exit hooks, then exit. */
  leave(): void
}

export class Succession {
  readonly #context: SuccessionContext
  readonly #runner: Runner<'old'>
  readonly #takeBack: TakeBack
  #state: OldState = 'serving'
  #wire: Wire | undefined
  #peer = 'the new process'
  #sending: Sending | undefined
  #ready: Messages['ready'] | undefined
  #drain: Drain | undefined
  #deadline: Timer | undefined
  #probation: Timer | undefined
  #error: HandoffError | undefined

  constructor(context: SuccessionContext) {
    this.#context = context
    this.#takeBack = new TakeBack(context.holdings)
    this.#runner = new Runner('old', 'serving', this.#effects(), (state) => this.#enter(state))
  }

  get state(): OldState {
    return this.#runner.state
  }

  /** The stage that this process is in, as its operator sees it. */
  get stage(): ProcessStage {
    const { state } = this
    if (state === 'serving' || state === 'offer' || state === 'send' || state === 'exit') {
      return state
    }
    return 'drain'
  }

  /** A process connected to the rendezvous socket. Owns the descriptor. */
  connect(fd: number): void {
    this.#runner.dispatch('connect', new Wire(Channel.from(fd)))
  }

  /** The operator wants this process to end, with or without a successor. */
  stop(): void {
    this.#error = this.#failure('ERR_HANDOFF_STOPPING', 'this process is stopping')
    this.#runner.dispatch('stop')
  }

  /** Whether connections that arrive here can be served, or go on to the new process. */
  get takesConnections(): boolean {
    const { state } = this
    const open = state === 'serving' || state === 'offer' || state === 'send'
    return open || (this.#drain?.handsOver ?? false)
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
    const { system, settings, report } = this.#context
    return {
      'await-hello': (wire) => this.#awaitHello(wire as Wire),
      'refuse-busy': (wire) => refuse(wire as Wire, this.#busy()),
      'refuse-peer': () => {
        if (this.#wire !== undefined && this.#error !== undefined)
          sendRefusal(this.#wire, this.#error)
      },
      'send-manifest': (version) => this.#sendManifest(version as number),
      'send-next': (message) => this.#attempt(() => this.#sending?.ack(message as Messages['ack'])),
      'release-old': () => this.#context.releaseOld(),
      shut: (message) => this.#shut(message as Messages['ready'] | undefined),
      'send-committed': () => this.#send({ type: 'committed' }),
      'start-probation': () => {
        this.#probation = system.timer(settings.probationMs, () =>
          this.#runner.dispatch('probation'),
        )
      },
      'start-drain': () => this.#startDrain(),
      'note-adopted': (message) =>
        this.#attempt(() => this.#drain?.ack(message as Messages['adopted'])),
      'stop-hand-over': () => this.#drain?.stopHandOver(),
      'close-quiescent': () => {
        for (const gate of this.#context.holdings.gates) gate.closeQuiescent()
      },
      'send-drained': (counts) => this.#send({ type: 'drained', ...(counts as DrainCounts) }),
      'take-back': () => this.#resume(),
      'end-listening': () => {
        this.#probation?.cancel()
        this.#context.holdings.endListening(this.state === 'stopping')
      },
      leave: () => {
        report({ type: 'stage', stage: 'exit', detail: 'the application closes' })
        this.#context.leave()
      },
      'send-abort': () => {
        const { code, reason } = this.#error ?? this.#failure('ERR_HANDOFF_PROTOCOL', 'it failed')
        this.#send({ type: 'abort', code, reason })
      },
      'hang-up': () => {
        this.#wire?.close()
        this.#wire = undefined
        this.#deadline?.cancel()
        this.#drain?.endHandOver()
        if (this.state === 'released') this.checkDrained()
      },
    }
  }

  #awaitHello(wire: Wire): void {
    const { system, settings, begin } = this.#context
    begin()
    this.#wire = wire
    this.#error = undefined
    try {
      const peer = wire.peer()
      this.#peer = `the new process (pid ${peer.pid})`
      const denied = refusePeer(peer, system, settings)
      if (denied !== undefined) return this.#end('refuse', denied)
    } catch (cause) {
      return this.#end(
        'failure',
        this.#failure('ERR_HANDOFF_PEER_GONE', 'who it is cannot be told', cause),
      )
    }
    this.#setDeadline(helloTimeoutMs, 'did not say hello')
    wire.start({
      onFrame: (frame) => {
        if (wire === this.#wire) this.#take(frame)
        else closeAll(frame.descriptors)
      },
      onEnd: (error) => {
        if (wire !== this.#wire) return
        const details = { stage: this.#errorStage(), serving: 'old' } as const
        if (error instanceof HandoffError) this.#end('failure', errorFromPeer(error, details))
        else
          this.#end('eof', this.#failure('ERR_HANDOFF_PEER_GONE', `${this.#peer} is gone`, error))
      },
    })
  }

  #take({ message, descriptors }: Frame<number>): void {
    closeAll(descriptors)
    const { type } = message
    switch (type) {
      case 'hello': {
        if (!this.#runner.takes('hello')) break
        const version = chooseVersion(message)
        if (typeof version === 'number') this.#runner.dispatch('hello', version)
        else this.#end('refuse', version)
        return
      }
      case 'abort':
        this.#end('abort', errorFromPeer(message, { stage: this.#errorStage(), serving: 'old' }))
        return
      case 'ready':
        if (this.#sending?.complete && this.#runner.takes('ready')) {
          this.#runner.dispatch('ready', message)
          return
        }
        break
      case 'ack':
      case 'adopted':
      case 'release':
        if (this.#runner.takes(type)) {
          this.#runner.dispatch(type, message)
          return
        }
    }
    this.#end(
      'failure',
      this.#failure('ERR_HANDOFF_PROTOCOL', `${this.#peer} sent ${type} out of turn`),
    )
  }

  #sendManifest(version: number): void {
    const { system, settings, holdings, generation } = this.#context
    const { listeners, rendezvous } = holdings
    if (this.#wire === undefined || rendezvous === undefined) return
    this.#setDeadline(settings.readyTimeoutMs, 'was not ready')
    const offered = [...listeners.all(), { entry: rendezvous.entry, fd: rendezvous.fd }]
    this.#sending = new Sending(this.#wire, offered, (cause) => {
      this.#end('failure', this.#failure('ERR_HANDOFF_PEER_GONE', 'sending failed', cause))
    })
    this.#attempt(() =>
      this.#sending?.start({ version, generation: generation(), pid: system.pid }),
    )
  }

  #shut(ready: Messages['ready'] | undefined): void {
    this.#deadline?.cancel()
    const { rendezvous, gates } = this.#context.holdings
    rendezvous?.shut()
    for (const gate of gates) gate.shut()
    this.#ready = ready
    if (ready === undefined) return
    this.#takeBack.drop(new Set(ready.claimed))
    this.#context.ended()
  }

  #startDrain(): void {
    const { holdings, system, settings, report } = this.#context
    const open = holdings.connections
    const detail = `${open} ${open === 1 ? 'connection' : 'connections'} to finish`
    report({ type: 'stage', stage: 'drain', detail })
    this.#drain = new Drain(holdings, system, settings.drainTimeoutMs, (counts) => {
      report({ type: 'drained', counts })
      this.#runner.dispatch('drained', counts)
    })
    this.#drain.start(this.#handOver())
  }

  /** Without a successor, or with one that takes no connections, there is none. */
  #handOver(): HandOver | undefined {
    if (this.#wire === undefined || this.#ready === undefined) return undefined
    return new HandOver(this.#wire, this.#context.holdings, this.#ready.http, {
      onChange: () => this.checkDrained(),
      onError: (error) => {
        const message = `connections stay here until they end: ${error.message}`
        this.#context.report({ type: 'warning', message })
        this.#drain?.stopHandOver()
      },
    })
  }

  /** The new process died after the commit: this one accepts again, on the same queues. */
  #resume(): void {
    this.#drain?.cancel()
    this.#drain = undefined
    this.#probation?.cancel()
    const error = this.#error ?? this.#failure('ERR_HANDOFF_PEER_GONE', `${this.#peer} is gone`)
    const { report, holdings } = this.#context
    this.#takeBack.run().then((failures) => {
      for (const message of failures) report({ type: 'warning', message })
      const { code, reason } = error
      report({ type: 'taken-back', code, message: reason, listeners: holdings.keys })
      holdings.rendezvous?.open()
    })
  }

  #enter(state: OldState): void {
    const { report, ended } = this.#context
    const before = this.#state
    this.#state = state
    if (state === 'offer') report({ type: 'stage', stage: 'offer', detail: `to ${this.#peer}` })
    if (state === 'send') {
      const count = Math.max(0, (this.#sending?.keys.length ?? 1) - 1)
      const detail = `${count} ${count === 1 ? 'listener' : 'listeners'} to ${this.#peer}`
      report({ type: 'stage', stage: 'send', detail })
    }
    const underWay = before === 'offer' || before === 'send'
    if (!underWay || (state !== 'serving' && state !== 'stopping')) return
    const error = this.#error ?? this.#failure('ERR_HANDOFF_PEER_GONE', `${this.#peer} is gone`)
    const { code, reason } = error
    const stage = before === 'offer' ? 'offer' : 'send'
    report({ type: 'aborted', stage, code, message: reason, serving: 'old' })
    this.#sending = undefined
    ended(error)
  }

  #end(event: OldEvent, error: HandoffError): void {
    this.#error = error
    this.#runner.dispatch(event)
  }

  #attempt(effect: () => void): void {
    try {
      effect()
    } catch (error) {
      const known = error instanceof HandoffError
      this.#end(
        'failure',
        known ? error : this.#failure('ERR_HANDOFF_PROTOCOL', String(error), error),
      )
    }
  }

  #setDeadline(ms: number, what: string): void {
    this.#deadline?.cancel()
    this.#deadline = this.#context.system.timer(ms, () => {
      this.#end(
        'timeout',
        this.#failure('ERR_HANDOFF_TIMEOUT', `${this.#peer} ${what} within ${ms} ms`),
      )
    })
  }

  #busy(): HandoffError {
    if (this.state === 'stopping')
      return this.#failure('ERR_HANDOFF_STOPPING', 'this process is stopping')
    return this.#failure('ERR_HANDOFF_BUSY', `${this.#peer} is taking over already`)
  }

  #failure(code: HandoffError['code'], reason: string, cause?: unknown): HandoffError {
    const details = { stage: this.#errorStage(), serving: 'old' } as const
    return new HandoffError(
      code,
      `cannot hand over: ${reason}`,
      cause === undefined ? details : { ...details, cause },
    )
  }

  #errorStage(): Stage {
    return this.stage === 'serving' ? 'offer' : this.stage
  }

  #send(message: Parameters<Wire['send']>[0]): void {
    // A peer that is gone is told of by the end of the channel.
    this.#wire?.send(message).catch(() => {})
  }
}

function refuse(wire: Wire, error: HandoffError): void {
  sendRefusal(wire, error)
  wire.close()
}

function sendRefusal(wire: Wire, { code, reason }: HandoffError): void {
  wire.send({ type: 'refuse', code, reason }).catch(() => {})
}
