// Between commit and exit, old side: accepts again if the new process dies.

import type { Gate } from '../../connections/gate/gate.ts'
import type { Holdings } from '../../generation/holdings.ts'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import { placeOf } from '../../protocol/manifest.ts'
import { type HandoffError, reasonOf } from '../../terms/errors.ts'
import type { HandoffEventBody } from '../../terms/events.ts'
import type { Drain } from './drain.ts'

export interface TakeBackContext {
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
  /** Waits, if necessary, until an address that was given up here is free. */
  whenAddressFree(): Promise<void> | undefined
}

export class TakeBack {
  readonly #context: TakeBackContext
  readonly #dropped = new Set<Gate>()

  constructor(context: TakeBackContext) {
    this.#context = context
  }

  /**
   * Closes the listeners that the new process does not use: open, they would swallow clients.
   * Datagram sockets stay open, since they cannot be bound again.
   */
  drop(claimed: ReadonlySet<string>): void {
    const { holdings } = this.#context
    for (const gate of holdings.gates) {
      const { held } = gate
      if (claimed.has(held.entry.key) || held.entry.protocol === 'udp') continue
      this.#dropped.add(gate)
      gate.shut()
      holdings.drop(held, { unlink: true })
    }
  }

  /** Accepts again, since the handoff aborted before the commit. */
  reopen(): void {
    this.#context.holdings.fates.stop()
    void this.#accept()
  }

  /** Accepts again, since the new process died after the commit, and serves connections that it left quiescent. */
  resume(drain: Drain | undefined, { code, reason }: HandoffError): void {
    drain?.cancel()
    const { report, holdings } = this.#context
    const { fates } = holdings
    fates.stop()
    void this.#accept(() => {
      const { back = 0, closed = 0 } = drain?.handOver?.takeBack() ?? {}
      report({
        type: 'taken-back',
        // This process has never stopped.
        ...(drain?.hasBegun === false && { stage: 'ramp' }),
        code,
        message: reason,
        listeners: holdings.places,
        connections: { back, closed },
        fates: fates.latestDrain,
      })
    })
  }

  /** Opens every gate, reports it, and then opens the rendezvous socket. */
  async #accept(reportOpen: () => void = () => {}): Promise<void> {
    const { report, holdings } = this.#context
    for (const message of await this.#open()) report({ type: 'warning', message })
    reportOpen()
    holdings.rendezvous?.open()
  }

  /**
   * Binds again what was dropped and opens every gate.
   *
   * @returns a warning for each listener that could not be taken back.
   */
  async #open(): Promise<string[]> {
    const failures: string[] = []
    const { holdings } = this.#context
    const free = this.#dropped.size > 0 ? this.#context.whenAddressFree() : undefined
    await Promise.all(
      [...holdings.gates].map(async (gate) => {
        try {
          const { held } = gate
          // The new process had closed it. Bound anew, it is at its place again.
          const isShut = !this.#dropped.has(gate) && !holdings.listeners.makeReachable(held)
          if (isShut) holdings.drop(held, { unlink: false })
          let restored: HeldListener | undefined
          if (this.#dropped.delete(gate) || isShut) {
            await free
            restored = holdings.listeners.restore(held)
          }
          await gate.open(restored)
        } catch (error) {
          failures.push(`cannot take back ${placeOf(gate.held.entry)}: ${reasonOf(error)}`)
        }
      }),
    )
    return failures
  }
}
