// Waits, before the first start of a supervisor, for a process that an earlier one has started.

import type { HandoffEvent } from '../../../terms/events.ts'
import type { Generations } from '../../processes/generations.ts'
import type { Failure } from '../../registry/outcome.ts'
import * as say from '../../text/announce.ts'
import { defaultReadyTimeoutMs, marginMs } from './attempt.ts'
import type { WorkerOptions } from './options.ts'
import { Turn } from './turn.ts'

export class FirstStart {
  readonly #options: Pick<WorkerOptions, 'timeouts' | 'announce' | 'onWaiting'>
  readonly #generations: Generations
  readonly #turn = new Turn()
  /** Whether the last start ended since the process at the rendezvous socket did not answer. */
  #isUnanswered = false

  constructor(
    options: Pick<WorkerOptions, 'timeouts' | 'announce' | 'onWaiting'>,
    generations: Generations,
  ) {
    this.#options = options
    this.#generations = generations
  }

  /** A start begins. */
  begin(): void {
    this.#turn.begin()
    this.#isUnanswered = false
  }

  /** @param isOwn - whether the process that is being started has reported it. */
  heard(event: HandoffEvent, isOwn: boolean): void {
    if (!isOwn) this.#turn.heard(event)
    else if (event.type === 'aborted') {
      this.#isUnanswered = event.stage === 'discover' && event.code === 'ERR_HANDOFF_TIMEOUT'
    }
  }

  /** Another process than the one that is being started has ended. */
  gone(): void {
    this.#turn.gone()
  }

  /** The run ends. */
  stop(): void {
    this.#turn.stop()
  }

  /**
   * A process that an earlier supervisor has started may be taking over at this very moment. Resolves with
   * true when the start may be tried again.
   */
  async mayRetry(failure: Failure): Promise<boolean> {
    const { timeouts, announce, onWaiting } = this.#options
    if (this.#isUnanswered && this.#generations.serving === undefined) {
      const pids = this.#generations.findSilentHolders()
      for (const pid of pids) {
        announce(say.endsSilentHolder(pid))
        this.#generations.signal(pid, 'SIGKILL')
      }
      return pids.length > 0
    }
    if (failure.code !== 'ERR_HANDOFF_BUSY') return false
    const ms = (timeouts.readyTimeoutMs ?? defaultReadyTimeoutMs) + marginMs
    if (!this.#turn.isWaiting) {
      announce(say.waitsForOther(failure, ms))
      onWaiting(ms)
    }
    return await this.#turn.wait(ms)
  }
}
