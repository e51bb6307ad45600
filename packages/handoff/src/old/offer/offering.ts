// Sends a new process what it needs before it is ready: older processes, manifest, states, listeners.

import type { GenerationLine } from '../../generation/generation-line.ts'
import type { Holdings } from '../../generation/holdings.ts'
import type { States } from '../../generation/states.ts'
import { reserveDescriptors } from '../../io/native/descriptors.ts'
import type { System } from '../../io/system/system.ts'
import type { MarkNews } from '../../protocol/mark.ts'
import type { Messages } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import type { Settings } from '../../terms/options.ts'
import { exportStates } from './export-state.ts'
import { ListenerBatches } from './listener-batches.ts'

/** How long exports may take at the commit, in milliseconds: clients wait in the queue meanwhile. */
const commitExportTimeoutMs = 5_000

export interface OfferingContext {
  readonly system: System
  readonly settings: Settings
  readonly holdings: Holdings
  readonly states: States
  readonly line: GenerationLine
  generation(): number
}

interface OfferingHandlers {
  /** Whether the handoff with this new process is still under way. */
  isCurrent(): boolean
  /** The new process has left words on the mark. */
  onWords(news: MarkNews): void
  onError(error: unknown): void
}

export class Offering {
  readonly #context: OfferingContext
  readonly #peer: Peer<'old'>
  /** The messages of later releases that the new process knows. */
  readonly #accepts: ReadonlySet<string>
  readonly #version: number
  readonly #handlers: OfferingHandlers
  #sending: ListenerBatches | undefined

  constructor(
    context: OfferingContext,
    peer: Peer<'old'>,
    version: number,
    accepts: readonly string[] | undefined,
    handlers: OfferingHandlers,
  ) {
    this.#version = version
    this.#context = context
    this.#peer = peer
    this.#accepts = new Set(accepts)
    this.#handlers = handlers
  }

  /** Whether the new process understands a message that a later release added. */
  accepts(type: string): boolean {
    return this.#accepts.has(type)
  }

  /** How many listeners are offered, without the rendezvous socket. */
  get listeners(): number {
    return Math.max(0, (this.#sending?.keys.length ?? 1) - 1)
  }

  /** Whether the new process has every descriptor. */
  get complete(): boolean {
    return this.#sending?.complete === true
  }

  /**
   * Sends what a new process needs before it can go on alone: its mark, with the file of positions, and the older processes. One
   * that knows no mark expects the older processes after the manifest.
   */
  sendLine(): void {
    if (!this.#accepts.has('mark')) return
    this.#sendLives()
    const { onWords, onError } = this.#handlers
    this.#peer.sendMark(onWords, this.#positions).catch(onError)
  }

  /**
   * Sends the manifest, and then the listeners in batches.
   *
   * @param released - resolves when the generation before will find its release, however late it
   * looks. One that knows no mark finds it in the channel, once the kernel has it.
   */
  async send(released: Promise<unknown> | undefined): Promise<void> {
    if (released !== undefined) await released
    if (!this.#handlers.isCurrent()) return
    try {
      this.#sendManifest()
    } catch (error) {
      this.#handlers.onError(error)
    }
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if it acks what was not sent. */
  ack(message: Messages['ack']): void {
    this.#sending?.ack(message)
  }

  /** Exports what must not change from now on: this process accepts no more. */
  exportAtCommit(next: () => void): void {
    this.#export('commit', commitExportTimeoutMs, next)
  }

  /** Which records the new process writes to the file of positions. */
  get #positions(): 'short' | 'long' | undefined {
    if (!this.#accepts.has('positions')) return undefined
    return this.#accepts.has('tls-positions') ? 'long' : 'short'
  }

  get #self(): { generation: number; pid: number } {
    return { generation: this.#context.generation(), pid: this.#context.system.pid }
  }

  #sendManifest(): void {
    const { settings, holdings } = this.#context
    const { listeners, rendezvous, connections } = holdings
    if (rendezvous === undefined) return
    // Each is dupped before it goes over.
    reserveDescriptors(connections)
    const offered = [...listeners.all(), { entry: rendezvous.entry, fd: rendezvous.fd }]
    const sending = new ListenerBatches(this.#peer, offered, this.#handlers.onError)
    this.#sending = sending
    const version = this.#version
    const accepts = ['rested', 'declined', 'tls-positions']
    sending.sendManifest({ version, ...this.#self, accepts, connections })
    if (!this.#accepts.has('mark')) this.#sendLives()
    // The other half of the time is for the new process to boot.
    this.#export('start', settings.readyTimeoutMs / 2, () => sending.sendListeners())
  }

  #sendLives(): void {
    const lives = this.#accepts.has('older') ? this.#context.line.lives(this.#self) : []
    for (const { message, descriptors } of lives) {
      this.#peer.sendOrThrow(message, descriptors).catch(this.#handlers.onError)
    }
  }

  /** Exports and sends the states of this moment, then calls `next`, unless the handoff has ended. */
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
