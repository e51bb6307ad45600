// What one new process is given before it is ready: the manifest, older lives, states, listeners.

import type { Holdings } from '../generation/holdings.ts'
import type { Line } from '../generation/line.ts'
import type { States } from '../generation/states.ts'
import type { System } from '../io/system/system.ts'
import type { MarkNews } from '../protocol/mark.ts'
import type { Messages } from '../protocol/messages.ts'
import type { Settings } from '../terms/options.ts'
import { exportStates } from './export-state.ts'
import type { Peer } from './peer.ts'
import { Sending } from './send.ts'

/** How long exports may take once nobody accepts, in milliseconds: clients wait in the queue. */
const commitExportTimeoutMs = 5_000

export interface OfferingContext {
  readonly system: System
  readonly settings: Settings
  readonly holdings: Holdings
  readonly states: States
  readonly line: Line
  generation(): number
}

interface OfferingHandlers {
  /** Whether the new process is still the one to be handed over to. */
  isCurrent(): boolean
  /** The new process has left words on the mark. */
  onWords(news: MarkNews): void
  onError(error: unknown): void
}

export class Offering {
  readonly #context: OfferingContext
  readonly #peer: Peer
  /** What the new process understands beside the messages of its version. */
  readonly #accepts: ReadonlySet<string>
  readonly #handlers: OfferingHandlers
  #sending: Sending | undefined

  constructor(
    context: OfferingContext,
    peer: Peer,
    accepts: readonly string[] | undefined,
    handlers: OfferingHandlers,
  ) {
    this.#context = context
    this.#peer = peer
    this.#accepts = new Set(accepts)
    this.#handlers = handlers
  }

  /** Whether the new process understands a message that a later release added. */
  accepts(type: string): boolean {
    return this.#accepts.has(type)
  }

  /** How many listeners are offered, the rendezvous socket not counted. */
  get listeners(): number {
    return Math.max(0, (this.#sending?.keys.length ?? 1) - 1)
  }

  /** Whether the new process has every descriptor. */
  get complete(): boolean {
    return this.#sending?.complete ?? false
  }

  /**
   * Sends what a new process has to have before it can go on alone: its mark, and the older ones. One
   * that knows no mark expects them after the manifest.
   */
  sendLine(): void {
    if (!this.#accepts.has('mark')) return
    this.#sendLives()
    const { onWords, onError } = this.#handlers
    this.#peer.sendMark(onWords).catch(onError)
  }

  send(version: number): void {
    const { settings, holdings } = this.#context
    const { listeners, rendezvous } = holdings
    if (rendezvous === undefined) return
    const offered = [...listeners.all(), { entry: rendezvous.entry, fd: rendezvous.fd }]
    const sending = new Sending(this.#peer.wire, offered, this.#handlers.onError)
    this.#sending = sending
    sending.sendManifest({ version, ...this.#self, accepts: ['rested'] })
    if (!this.#accepts.has('mark')) this.#sendLives()
    // The other half of the time is for the new process to boot.
    this.#export('start', settings.readyTimeoutMs / 2, () => sending.sendListeners())
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL when it acks what was not sent. */
  ack(message: Messages['ack']): void {
    this.#sending?.ack(message)
  }

  /** Nobody accepts any more: exports what must not change from now on. */
  exportAtCommit(next: () => void): void {
    this.#export('commit', commitExportTimeoutMs, next)
  }

  get #self(): { generation: number; pid: number } {
    return { generation: this.#context.generation(), pid: this.#context.system.pid }
  }

  #sendLives(): void {
    const lives = this.#accepts.has('older') ? this.#context.line.lives(this.#self) : []
    for (const { message, descriptors } of lives) {
      this.#peer.deliver(message, descriptors).catch(this.#handlers.onError)
    }
  }

  /** Sends what is to be exported at this moment, then goes on, unless the attempt has ended. */
  #export(when: 'start' | 'commit', timeoutMs: number, next: () => void): void {
    const { states, system } = this.#context
    const { isCurrent, onError } = this.#handlers
    const exported = this.#accepts.has('state')
      ? exportStates(when, { states, system, peer: this.#peer, timeoutMs })
      : undefined
    if (exported === undefined) return next()
    exported.then(
      () => {
        if (isCurrent()) next()
      },
      (error) => {
        if (isCurrent()) onError(error)
      },
    )
  }
}
