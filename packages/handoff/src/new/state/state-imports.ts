// Gives what the old process exported to the application, before this process accepts.

import type { States } from '../../generation/states.ts'
import type { System } from '../../io/system/system.ts'
import type { StateMessage } from '../../protocol/messages.ts'
import type { HandoffEventBody } from '../../terms/events.ts'
import { readValue } from './read-value.ts'

/** How long imports may take after the commit, in milliseconds: no process accepts meanwhile. */
const importTimeoutMs = 5_000

export interface StateImportsContext {
  readonly states: States
  readonly system: System
  report(event: HandoffEventBody): void
}

export class StateImports {
  readonly #context: StateImportsContext
  #ended: Promise<void> | undefined

  constructor(context: StateImportsContext) {
    this.#context = context
  }

  /**
   * Takes one value. Owns the descriptors.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_PROTOCOL.
   */
  take(message: StateMessage, descriptors: number[]): void {
    this.#context.states.receive(message.key, message.when, readValue(message, descriptors))
  }

  /** Drops the values that the application has not asked for: it is ready. */
  dropUnknown(): void {
    this.#warnOfLost(this.#context.states.dropUnknown())
  }

  /** Imports every value that has come, as far as time allows: the old process has committed. */
  begin(): void {
    const { states, system, report } = this.#context
    this.#warnOfLost(states.importReceived())
    const imported = states.whenImported()
    if (imported === undefined) return
    this.#ended = new Promise((resolve) => {
      const deadline = system.timer(importTimeoutMs, () => {
        const keys = states.importing.map((key) => JSON.stringify(key)).join(', ')
        const message = `this process serves without the state ${keys}: not imported within ${importTimeoutMs} ms`
        report({ type: 'warning', message })
        resolve()
      })
      imported.then(resolve).finally(() => deadline.cancel())
    })
  }

  /** Runs the action when the imports have ended; without imports immediately. */
  async after(action: () => void | Promise<void>): Promise<void> {
    if (this.#ended !== undefined) await this.#ended
    await action()
  }

  /** Why this process is late, if an import is the reason. */
  get late(): string | undefined {
    const [key] = this.#context.states.importing
    return key === undefined ? undefined : `the state ${JSON.stringify(key)} was not imported`
  }

  #warnOfLost(unknown: readonly string[]): void {
    for (const key of unknown) {
      const message = `the state ${JSON.stringify(key)} of the old process is lost: no state of that key is registered here`
      this.#context.report({ type: 'warning', message })
    }
  }
}
