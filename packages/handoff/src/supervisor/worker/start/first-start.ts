// Retries the first start of a supervisor while processes of an earlier supervisor are in its way.

import type { HandoffEvent } from '../../../terms/events.ts'
import type { Generations } from '../../processes/generations.ts'
import type { Failure } from '../../registry/start-result.ts'
import * as say from '../../text/announcements.ts'
import { ForeignHandoff } from './foreign-handoff.ts'
import { defaultReadyTimeoutMs, marginMs } from './process-start.ts'
import type { StartOptions } from './start-options.ts'

export class FirstStart {
  readonly #options: Pick<StartOptions, 'timeouts' | 'announce' | 'onWaiting'>
  readonly #generations: Pick<Generations, 'serving' | 'signal' | 'findSilentHolders'>
  readonly #handoff = new ForeignHandoff()
  /** Whether the last start failed because the process at the rendezvous socket did not answer. */
  #isUnanswered = false

  constructor(
    options: Pick<StartOptions, 'timeouts' | 'announce' | 'onWaiting'>,
    generations: Pick<Generations, 'serving' | 'signal' | 'findSilentHolders'>,
  ) {
    this.#options = options
    this.#generations = generations
  }

  /** A start begins. */
  begin(): void {
    this.#handoff.begin()
    this.#isUnanswered = false
  }

  /** @param isOwn - whether the process that is started has reported it. */
  onEvent(event: HandoffEvent, isOwn: boolean): void {
    if (!isOwn) this.#handoff.onEvent(event)
    else if (event.type === 'aborted') {
      this.#isUnanswered = event.stage === 'discover' && event.code === 'ERR_HANDOFF_TIMEOUT'
    }
  }

  /** A process other than the one that is started has ended. */
  onOtherExit(): void {
    this.#handoff.onExit()
  }

  /** The run ends. */
  stop(): void {
    this.#handoff.stop()
  }

  /**
   * Waits until the start may be tried again: a process of an earlier supervisor may be taking over right
   * now, or may hold the rendezvous socket without an answer.
   *
   * @returns false if it may not.
   */
  async mayRetry(failure: Failure): Promise<boolean> {
    const { timeouts, announce, onWaiting } = this.#options
    if (this.#isUnanswered && this.#generations.serving === undefined) {
      const pids = this.#generations.findSilentHolders()
      for (const pid of pids) {
        announce(say.killsSilentHolder(pid))
        this.#generations.signal(pid, 'SIGKILL')
      }
      return pids.length > 0
    }
    if (failure.code !== 'ERR_HANDOFF_BUSY') return false
    const ms = (timeouts.readyTimeoutMs ?? defaultReadyTimeoutMs) + marginMs
    if (!this.#handoff.isWaiting) {
      announce(say.waitsForOther(failure, ms))
      onWaiting(ms)
    }
    return await this.#handoff.wait(ms)
  }
}
