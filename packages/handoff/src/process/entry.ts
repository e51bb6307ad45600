// How this process enters the line of generations: it discovers, receives, and can then be replaced.

import type { System } from '../io/system/system.ts'
import type { Settings } from '../terms/options.ts'
import type { Ending } from './ending.ts'
import { handleSignals, restartSignals } from './signals.ts'
import type { Parts } from './wiring.ts'

export class Entry {
  readonly #parts: Parts
  readonly #system: System
  readonly #settings: Settings
  readonly #ending: Ending
  readonly #restart: () => Promise<void>

  constructor(
    parts: Parts,
    { system, settings }: { system: System; settings: Settings },
    { ending, restart }: { ending: Ending; restart: () => Promise<void> },
  ) {
    this.#parts = parts
    this.#system = system
    this.#settings = settings
    this.#ending = ending
    this.#restart = restart
  }

  /** Discovers and receives. Resolves when servers may listen. */
  async run(): Promise<void> {
    this.#begin()
    await this.#finishOnce(() => this.#parts.birth.start())
  }

  /**
   * As {@link run}, and blocks this thread meanwhile, unless the old process does not answer soon.
   *
   * @returns the promise of `run`, if it goes on in later turns.
   */
  runNow(): Promise<void> | undefined {
    this.#begin()
    try {
      const started = this.#parts.birth.startNow()
      if (started !== undefined) return this.#finishOnce(() => started)
      this.#finish()
      return undefined
    } catch (error) {
      this.#ending.abandon()
      throw error
    }
  }

  async #finishOnce(started: () => Promise<void>): Promise<void> {
    try {
      await started()
      this.#finish()
    } catch (error) {
      this.#ending.abandon()
      throw error
    }
  }

  #begin(): void {
    this.#parts.reporter.extend(this.#settings.readyTimeoutMs)
    this.#ending.addUndo(this.#system.onDeath((death) => this.#ending.reportDeath(death)))
  }

  /** From here on this process can be replaced. */
  #finish(): void {
    const { rendezvousPath, allowUids, signals } = this.#settings
    const { line, holdings, reporter, self, birth, serves } = this.#parts
    line.open()
    if (rendezvousPath !== undefined && !birth.hasRendezvous) {
      holdings.bindRendezvous(rendezvousPath, allowUids)
    }
    if (signals) this.#handleSignals()
    reporter.watch(
      () => self.status(),
      () => {
        if (serves()) holdings.renewRendezvous(allowUids)
      },
    )
  }

  #handleSignals(): void {
    const { statusIntervalMs, notifySocket } = this.#settings
    const undo = handleSignals(this.#system, {
      stopping: () => this.#ending.isStopping,
      stop: () => this.#ending.stop(),
      restart: this.#restart,
      restartSignals: restartSignals(statusIntervalMs !== undefined, notifySocket !== undefined),
    })
    this.#ending.addUndo(undo)
  }
}
