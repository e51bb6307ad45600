// What the old process exported finds the application: before the commit, or before a client does.

import type { States } from '../generation/states.ts'
import type { System } from '../io/system/system.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import { readValue } from './import-state.ts'
import type { Carried } from './old-process.ts'

/** How long imports may take after the commit, in milliseconds: nobody accepts meanwhile. */
const importTimeoutMs = 5_000

export interface ImportsContext {
  readonly states: States
  readonly system: System
  report(event: HandoffEventBody): void
}

export class Imports {
  readonly #context: ImportsContext
  #ended: Promise<void> | undefined

  constructor(context: ImportsContext) {
    this.#context = context
  }

  /**
   * A value came. Owns the descriptors.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_PROTOCOL.
   */
  take({ message, descriptors }: Carried<'state'>): void {
    this.#context.states.receive(message.key, message.when, readValue(message, descriptors))
  }

  /** The application is ready: what it has not asked for until now is dropped. */
  dropUnknown(): void {
    this.#warnOf(this.#context.states.dropUnknown())
  }

  /** The commit: everything that came is imported, as far as time allows. */
  begin(): void {
    const { states, system, report } = this.#context
    this.#warnOf(states.importReceived())
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

  /** Acts when the imports have ended: at once, where there are none. */
  async after(action: () => void | Promise<void>): Promise<void> {
    if (this.#ended !== undefined) await this.#ended
    await action()
  }

  /** Why a process is late, where an import is the reason. */
  get late(): string | undefined {
    const [key] = this.#context.states.importing
    return key === undefined ? undefined : `the state ${JSON.stringify(key)} was not imported`
  }

  #warnOf(unknown: readonly string[]): void {
    for (const key of unknown) {
      const message = `the state ${JSON.stringify(key)} of the old process is lost: nothing here imports it`
      this.#context.report({ type: 'warning', message })
    }
  }
}
