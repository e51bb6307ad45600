// Between commit and exit, old side: what it takes to accept again if the new process dies.

import type { Gate } from '../connections/gate/gate.ts'
import type { Holdings } from '../generation/holdings.ts'
import type { HeldListener } from '../io/listeners/held-listener.ts'
import { placeOf } from '../protocol/manifest.ts'
import { type HandoffError, reasonOf } from '../terms/errors.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import type { Drain } from './drain.ts'

export interface TakeBackContext {
  readonly holdings: Holdings
  report(event: HandoffEventBody): void
  /** Waits, where need be, until an address that was given up here is free. */
  settled(): Promise<void> | undefined
}

export class TakeBack {
  readonly #context: TakeBackContext
  readonly #dropped = new Set<Gate>()

  constructor(context: TakeBackContext) {
    this.#context = context
  }

  /**
   * Closes the listeners that the new process does not use: kept, they would swallow clients.
   * Datagram sockets stay, since they cannot be bound again.
   */
  drop(claimed: ReadonlySet<string>): void {
    const { holdings } = this.#context
    for (const gate of holdings.gates) {
      const { held } = gate
      if (claimed.has(held.entry.key) || held.entry.protocol === 'udp') continue
      this.#dropped.add(gate)
      holdings.drop(held, { unlink: true })
    }
  }

  /** The handoff aborts before the commit. */
  reopen(): void {
    this.#context.holdings.fates.stop()
    void this.#accept()
  }

  /** The new process died after the commit: connections that it left at rest come back, too. */
  resume(drain: Drain | undefined, { code, reason }: HandoffError): void {
    drain?.cancel()
    const { report, holdings } = this.#context
    const { fates } = holdings
    fates.stop()
    void this.#accept(() => {
      const { back = 0, closed = 0 } = drain?.takeBack() ?? {}
      report({
        type: 'taken-back',
        code,
        message: reason,
        listeners: holdings.places,
        connections: { back, closed },
        fates: fates.latestDrain,
      })
    })
  }

  /** Opens every gate, and then, when that was told, the rendezvous socket. */
  async #accept(tell: () => void = () => {}): Promise<void> {
    const { report, holdings } = this.#context
    for (const message of await this.#open()) report({ type: 'warning', message })
    tell()
    holdings.rendezvous?.open()
  }

  /**
   * Binds again what was dropped and opens every gate.
   *
   * @returns what could not be brought back, as sentences.
   */
  async #open(): Promise<string[]> {
    const failures: string[] = []
    const { holdings } = this.#context
    const settled = this.#dropped.size > 0 ? this.#context.settled() : undefined
    await Promise.all(
      [...holdings.gates].map(async (gate) => {
        try {
          const { held } = gate
          // The new process had closed it: bound anew, it is at its place again.
          const isShut = !this.#dropped.has(gate) && !holdings.listeners.makeReachable(held)
          if (isShut) holdings.drop(held, { unlink: false })
          let restored: HeldListener | undefined
          if (this.#dropped.delete(gate) || isShut) {
            await settled
            restored = holdings.listeners.restore(held)
          }
          await gate.open(restored)
        } catch (error) {
          failures.push(`${placeOf(gate.held.entry)} could not be taken back: ${reasonOf(error)}`)
        }
      }),
    )
    return failures
  }
}
