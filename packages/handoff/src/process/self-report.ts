// What this process reports of itself: events as they happen, its status, its metrics.

import type { Holdings } from '../generation/holdings.ts'
import type { Birth } from '../new/birth.ts'
import type { Reporter, StatusEvent } from '../notify/reporter.ts'
import type { Succession } from '../old/succession.ts'
import { serves } from '../protocol/machine.ts'
import type { HandoffEventBody, ProcessStage } from '../terms/events.ts'
import { total } from '../terms/fates.ts'
import { type HandoffMetrics, metricsOf } from './metrics.ts'

/** The two sides of this process. Events may come before both of them exist. */
export interface Sides {
  readonly birth: Pick<Birth, 'state' | 'generation'>
  readonly succession: Pick<Succession, 'state' | 'stage'>
}

export class SelfReport {
  readonly #reporter: Reporter
  readonly #holdings: Holdings
  readonly #sides: () => Sides
  readonly #handoffs = { completed: 0, aborted: 0, takenBack: 0 }

  constructor(reporter: Reporter, holdings: Holdings, sides: () => Sides) {
    this.#reporter = reporter
    this.#holdings = holdings
    this.#sides = sides
  }

  event(event: HandoffEventBody): void {
    const { birth, succession } = this.#sides()
    if (event.type === 'taken-back') this.#handoffs.takenBack += 1
    this.#reporter.report(event, succession.state === 'stopping', birth.state === 'sharing')
    if (event.type === 'drained' || event.type === 'taken-back') this.#reporter.reportStatus()
  }

  /** A handoff to a successor has ended. */
  handoffEnded(how: 'completed' | 'aborted'): void {
    this.#handoffs[how] += 1
  }

  status(): StatusEvent {
    const { places, kinds, fates } = this.#holdings
    return {
      type: 'status',
      stage: this.#stage(),
      listeners: places,
      connections: total(kinds),
      open: kinds,
      fates: fates.all,
    }
  }

  metrics(): HandoffMetrics {
    const { generation } = this.#sides().birth
    return metricsOf(this.status(), { generation, handoffs: { ...this.#handoffs } })
  }

  #stage(): ProcessStage {
    const { birth, succession } = this.#sides()
    const { state } = birth
    if (serves(state)) return succession.stage
    return state === 'alone' || state === 'aborted' ? 'adopt' : state
  }
}
