// How long a process and its old process may take in a start, and the error that explains why one is late.

import type { System, Timer } from '../io/system/system.ts'
import type { HandoffError } from '../terms/errors.ts'
import type { StateImports } from './state/state-imports.ts'
import type { Takeover } from './takeover.ts'

/** How much earlier than the old process this one fails if a listener is missing, in milliseconds. */
const mostHeadStartMs = 500

/** How long the old process may take to answer `ready`, in milliseconds: that is one step of it. */
const commitTimeoutMs = 10_000

/** A process in whose ramp the old one hangs answers no peer. */
const orRamp = ', or waits for the end of a ramp with a process that does'

export class StartDeadline {
  readonly #system: System
  readonly #takeover: Takeover
  readonly #imports: StateImports
  /**
   * Returns why the application is not ready yet, if it knows. Undefined if the application itself calls
   * `ready`.
   */
  explainDelay: (() => string | undefined) | undefined
  /** Checks, before the old process gives up, whether a listener is missing. */
  #missingCheck: Timer | undefined

  constructor(system: System, takeover: Takeover, imports: StateImports) {
    this.#system = system
    this.#takeover = takeover
    this.#imports = imports
  }

  /** Begins to count. The old process waits as long for `ready`. */
  begin(ms: number): void {
    this.#takeover.setDeadline(ms, () => this.#lateError(ms))
    // The old process is to receive the reason before its own deadline.
    const checkMs = ms - Math.min(mostHeadStartMs, ms / 10)
    this.#missingCheck = this.#system.timer(checkMs, () => this.#failIfMissing(), true)
  }

  /** The application is ready: from now on the old process is late if it does not commit. */
  awaitCommit(): void {
    const late = () => this.#takeover.unanswered('commit', commitTimeoutMs)
    this.#takeover.setDeadline(commitTimeoutMs, late)
  }

  /** The application is ready, or the start has failed. */
  cancelMissingCheck(): void {
    this.#missingCheck?.cancel()
  }

  #lateError(ms: number): HandoffError {
    const { failures, state } = this.#takeover
    const { late } = this.#imports
    if (late !== undefined) return failures.make('ERR_HANDOFF_STATE', `${late} within ${ms} ms`)
    if (state === 'discover') return this.#takeover.unanswered('answer', ms, orRamp)
    if (state === 'receive') return this.#takeover.unanswered('send its listeners', ms)
    const reason = `the program was not ready within ${ms / 1000} s`
    if (this.explainDelay !== undefined) return failures.make('ERR_HANDOFF_TIMEOUT', reason)
    return failures.make('ERR_HANDOFF_TIMEOUT', `${reason}: it has not called handoff.ready()`, {
      help: 'Call it when the program can serve (the Fastify plugin does so after listen and healthCheck), or raise readyTimeoutMs.',
    })
  }

  /** Fails the start of an application that does not listen on all that it has to. */
  #failIfMissing(): void {
    const { state, failures } = this.#takeover
    const missing = state === 'adopt' ? this.explainDelay?.() : undefined
    if (missing === undefined) return
    this.#takeover.fail(failures.make('ERR_HANDOFF_LISTENER_MISSING', missing))
  }
}
