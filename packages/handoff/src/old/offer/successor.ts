// Stage offer, old side: of the processes that connect, the one that takes over.

import { Channel } from '../../io/channel/channel.ts'
import { Wire } from '../../io/channel/wire.ts'
import type { System } from '../../io/system/system.ts'
import type { OldState } from '../../protocol/machine.ts'
import { type MarkNews, noMark } from '../../protocol/mark.ts'
import type { MessageOf } from '../../protocol/messages.ts'
import { Peer, type PeerHandlers } from '../../talk/peer.ts'
import type { HandoffError } from '../../terms/errors.ts'
import type { Settings } from '../../terms/options.ts'
import { refusePeer } from './peer-checks.ts'
import { refuse, WaitingPeers } from './waiting-peers.ts'

export interface SuccessorContext {
  readonly system: System
  readonly settings: Settings
  /**
   * A handoff begins here: its events count their time from now.
   *
   * @param peer - the pid of the new process, by the kernel's word.
   */
  begin(peer: number): void
}

export interface SuccessorHandlers extends PeerHandlers<'old'> {
  /** The state of the table. */
  state(): OldState
  /** A process wants to take over. */
  onConnect(peer: Peer<'old'>): void
  /** Another process takes the place of one that never said hello. */
  onReplaced(): void
  /** Receives the hello of a process that had to wait. */
  onLateHello(hello: MessageOf<'hello'>): void
  /** Returns why another process may not take over. */
  busyError(): HandoffError
}

export class Successor {
  readonly #context: SuccessorContext
  readonly #handlers: SuccessorHandlers
  readonly #waiting: WaitingPeers
  #peer: Peer<'old'> | undefined
  #pid = 0

  constructor(context: SuccessorContext, handlers: SuccessorHandlers) {
    const { system, settings } = context
    const { state, busyError } = handlers
    this.#context = context
    this.#handlers = handlers
    this.#waiting = new WaitingPeers({
      denial: (peer) => refusePeer(peer.identify(), system, settings),
      isFree: () => state() === 'serving' || state() === 'offer',
      busyError,
      onHello: (peer, hello) => this.#prefer(peer, hello),
    })
  }

  /** The process that takes over; undefined outside of a handoff. */
  get peer(): Peer<'old'> | undefined {
    return this.#peer
  }

  /** Its pid, by the kernel's word; after a handoff that of the last one. */
  get pid(): number {
    return this.#pid
  }

  /** As messages name it. */
  get name(): string {
    return this.#peer?.name ?? 'the new process'
  }

  /** A process connected to the rendezvous socket. Owns the descriptor. */
  connect(fd: number): void {
    const peer = new Peer('old', new Wire(Channel.from(fd)), this.#context.system)
    const { state, onConnect } = this.#handlers
    // The first one may be a stray that never says hello.
    if (state() === 'offer') this.#waiting.add(peer)
    else onConnect(peer)
  }

  /**
   * Takes this peer for the one that takes over.
   *
   * @returns why it may not, if so.
   * @throws the system's error, if the kernel does not say which process it is.
   */
  accept(peer: Peer<'old'>): HandoffError | undefined {
    const { system, settings, begin } = this.#context
    this.#peer = peer
    this.#pid = 0
    const credentials = peer.identify()
    this.#pid = credentials.pid
    begin(credentials.pid)
    return refusePeer(credentials, system, settings)
  }

  /** Begins to read its messages. */
  start(): void {
    this.#peer?.start(this.#handlers)
  }

  /** Reports that it may accept. In a ramp this process accepts still. */
  commit({ ramp }: { ramp: boolean }): void {
    this.#peer?.clearDeadline()
    void this.#peer?.send({ type: 'committed', ...(ramp && { ramp }) })
  }

  /** Reads what it has left on the mark. */
  readMark(): MarkNews {
    return this.#peer?.readMark() ?? noMark
  }

  /** Closes its channel, once the kernel has all that was sent. */
  hangUp(): void {
    this.#peer?.closeOnceSent()
    this.#peer = undefined
  }

  /** Another peer has said hello first: the silent one is refused. */
  #prefer(peer: Peer<'old'>, hello: MessageOf<'hello'>): void {
    const { state, busyError, onConnect, onReplaced, onLateHello } = this.#handlers
    const silent = this.#peer
    if (state() === 'offer' && silent !== undefined) {
      this.#peer = peer
      this.#pid = peer.pid ?? 0
      this.#context.begin(this.#pid)
      onReplaced()
      refuse(silent, busyError())
      this.start()
    } else onConnect(peer)
    onLateHello(hello)
  }
}
