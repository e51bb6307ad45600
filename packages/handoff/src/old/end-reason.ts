// Why the handoff under way ends, old side, and the errors for the processes that want to take over.

import type { OldState } from '../protocol/machine.ts'
import type { MessageOf, MessageType } from '../protocol/messages.ts'
import { Failures } from '../talk/failures.ts'
import { oldStageOf } from '../talk/stage-of.ts'
import { errorFromPeer, type HandoffError } from '../terms/errors.ts'

/** Where a handoff stands, and with which process. */
export interface OldSituation {
  readonly state: OldState
  /** The new process, as messages name it. */
  readonly name: string
}

export class EndReason {
  readonly #failures: Failures
  readonly #situation: () => OldSituation
  #error: HandoffError | undefined

  constructor(situation: () => OldSituation) {
    this.#situation = situation
    this.#failures = new Failures(() => {
      const stage = oldStageOf(situation().state)
      return {
        action: 'hand over',
        stage: stage === 'serving' ? 'offer' : stage,
        serving: 'old',
      }
    }, 'ERR_HANDOFF_PROTOCOL')
  }

  /** The reason; unless another one is set, the new process is gone. */
  get error(): HandoffError {
    return this.#error ?? this.gone()
  }

  set(error: HandoffError | undefined): void {
    this.#error = error
  }

  /** Returns any error with the stage that it lacks. */
  place(error: unknown): HandoffError {
    return this.#failures.place(error)
  }

  /** The new process sent that it aborts. */
  fromPeer(message: MessageOf<'abort'>): HandoffError {
    return errorFromPeer(message, { stage: this.#failures.stage, serving: 'old' })
  }

  /** The channel has ended. */
  gone(): HandoffError {
    return this.#failures.make('ERR_HANDOFF_PEER_GONE', `${this.#name} is gone`)
  }

  /** The process that connected has gone before the kernel was asked. */
  unidentified(cause: unknown): HandoffError {
    const reason = 'the kernel does not say which process connected'
    return this.#failures.make('ERR_HANDOFF_PEER_GONE', reason, { cause })
  }

  outOfTurn(type: MessageType): HandoffError {
    return this.#failures.make('ERR_HANDOFF_PROTOCOL', `${this.#name} sent ${type} out of turn`)
  }

  /** @param missing - what the new process did not do, as a verb in the past tense. */
  late(missing: string, ms: number): HandoffError {
    const reason = `${this.#name} ${missing} within ${ms} ms`
    return this.#failures.make('ERR_HANDOFF_TIMEOUT', reason)
  }

  stopping(reason: string): HandoffError {
    return this.#failures.make('ERR_HANDOFF_STOPPING', reason)
  }

  /** The error for another process that wants to take over. */
  busy(): HandoffError {
    return this.#situation().state === 'stopping'
      ? this.stopping('this process is stopping')
      : this.#failures.make('ERR_HANDOFF_BUSY', `${this.#name} is taking over already`)
  }

  get #name(): string {
    return this.#situation().name
  }
}
