// How this process stops serving, old side: it shuts its gates, drains, and serves again if it must.

import type { System } from '../../io/system/system.ts'
import type { Messages } from '../../protocol/messages.ts'
import type { Peer } from '../../talk/peer.ts'
import type { HandoffError } from '../../terms/errors.ts'
import { countsOf, type DrainCounts } from '../../terms/fates.ts'
import type { Settings } from '../../terms/options.ts'
import { plural } from '../../terms/plural.ts'
import { Drain } from './drain.ts'
import type { HandOver } from './hand-over.ts'
import type { SlowStart } from './slow-start.ts'
import { TakeBack, type TakeBackContext } from './take-back.ts'

export interface RetirementContext extends TakeBackContext {
  readonly system: System
  readonly settings: Settings
  /** Whether an older process may still pass connections on to this one. */
  expectsConnections(): boolean
  /** Every quiescent connection has gone over: the supervisor may want a new status. */
  progress(): void
}

export class Retirement {
  readonly #context: RetirementContext
  readonly #onDrained: (counts: DrainCounts) => void
  readonly #takeBack: TakeBack
  #ready: Messages['ready'] | undefined
  /** Why the handoff under way has no ramp. */
  #noRamp: string | undefined
  #drain: Drain | undefined

  /** @param onDrained - no connection is left. */
  constructor(context: RetirementContext, onDrained: (counts: DrainCounts) => void) {
    this.#context = context
    this.#onDrained = onDrained
    this.#takeBack = new TakeBack(context)
  }

  /** Passes connections to the new process; undefined unless one takes some. */
  get handOver(): HandOver | undefined {
    return this.#drain?.handOver
  }

  /** The handoff has no ramp, for this reason; undefined if it has one. */
  withoutRamp(reason: string | undefined): void {
    this.#noRamp = reason
  }

  /** Accepts no more peers, and keeps what the new process reported. Clients are still accepted. */
  shutRendezvous(ready: Messages['ready']): void {
    const { rendezvous, fates } = this.#context.holdings
    fates.begin()
    rendezvous?.shut()
    this.#ready = ready
  }

  /**
   * Stops accepting.
   *
   * @param ready - what the new process reported, if there is one and it is not known yet.
   */
  shut(ready: Messages['ready'] | undefined): void {
    const { rendezvous, gates, fates } = this.#context.holdings
    fates.start()
    rendezvous?.shut()
    for (const gate of gates) gate.shut()
    if (ready !== undefined) this.#ready = ready
  }

  /** Accepts again: the handoff aborts before the commit. */
  reopen(): void {
    this.#takeBack.reopen()
  }

  /** Closes what the new process does not use: that is about to accept. */
  commit(): void {
    if (this.#ready !== undefined) this.#takeBack.drop(new Set(this.#ready.claimed))
  }

  /** Begins to pass connections to the new process, beside which this one accepts still. */
  ramp(peer: Peer<'old'> | undefined, { takes }: Messages['ready'], slowStart: SlowStart): void {
    const { holdings, settings, report } = this.#context
    const detail = `both processes accept, ${plural(holdings.connections, 'connection')} here`
    report({ type: 'stage', stage: 'ramp', detail, rampMs: settings.rampMs })
    if (peer !== undefined) this.#prepareDrain().ramp(peer, takes, slowStart)
  }

  /** Begins to drain. Without a peer there is no successor. */
  drain(peer: Peer<'old'> | undefined): void {
    const { holdings, settings, report } = this.#context
    // That the operator switched it off is known.
    const isShown = this.#noRamp !== undefined && settings.rampMs > 0
    const why = isShown ? `; no ramp: ${this.#noRamp}` : ''
    const detail = `${plural(holdings.connections, 'connection')} to finish${why}`
    report({ type: 'stage', stage: 'drain', detail })
    this.#noRamp = undefined
    this.#prepareDrain().start(peer, this.#ready?.takes)
  }

  /** Returns the drain under way, or a new one. */
  #prepareDrain(): Drain {
    const { holdings, system, settings, report, progress, expectsConnections } = this.#context
    this.#drain ??= new Drain(holdings, system, settings.drainTimeoutMs, {
      expectsConnections,
      onDrained: (fates) => {
        const counts = countsOf(fates)
        report({ type: 'drained', counts, fates })
        this.#onDrained(counts)
      },
      onRest: () => progress(),
      onWarning: (message) => report({ type: 'warning', message }),
    })
    return this.#drain
  }

  /** Ends the drain if no connection is left. */
  checkDrained(): void {
    this.#drain?.check()
  }

  /**
   * The new process has a successor, or stops.
   *
   * @param relays - whether it passes connections on. If not, what is left finishes here.
   */
  releaseHandOver(relays = false): void {
    if (!relays) this.#drain?.stopHandOver()
  }

  /** No further connections go over. What the new process has not acked is served here again. */
  endHandOver(): void {
    this.#drain?.endHandOver()
  }

  /** No further connections go over, and no further acks are read: the new process is not listened to any more. */
  ignoreAcks(): void {
    this.#drain?.ignoreAcks()
  }

  /** This process stops. */
  closeQuiescent(): void {
    const { holdings, settings } = this.#context
    for (const gate of holdings.gates) gate.connections?.closeQuiescent(settings.drainTimeoutMs)
    this.#drain?.stopWaiting()
  }

  /** The new process died after the commit: this one accepts again, on the same queues. */
  takeBack(error: HandoffError): void {
    const drain = this.#drain
    this.#drain = undefined
    this.#takeBack.resume(drain, error)
  }

  /**
   * Closes all listeners: there will be no take-back any more.
   *
   * @param unlink - whether paths are removed, since no other process holds the listeners.
   */
  endListening(unlink: boolean): void {
    this.handOver?.release()
    this.#context.holdings.endListening(unlink)
  }
}
