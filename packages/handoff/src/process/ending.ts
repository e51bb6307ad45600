// How the handoff of this process ends: by a stop, a release, a failed start, or the end of the process.

import type { Death, System } from '../io/system/system.ts'
import { errorOfDeath } from '../new/death-error.ts'
import { type ExitHook, runExitHooks } from '../old/exit.ts'
import { type Deferred, deferred } from '../terms/deferred.ts'
import { HandoffError } from '../terms/errors.ts'
import type { Settings } from '../terms/options.ts'
import type { Parts } from './wiring.ts'

export class Ending {
  readonly #parts: Parts
  readonly #system: System
  readonly #settings: Settings
  readonly #onRelease: () => void
  readonly #exitHooks: ExitHook[] = []
  readonly #undo: (() => void)[] = []
  #released = false
  #dying = false
  #stopping: Deferred<never> | undefined

  /** @param onRelease - called when the application releases the handoff. */
  constructor(
    parts: Parts,
    { system, settings }: { system: System; settings: Settings },
    onRelease: () => void,
  ) {
    this.#parts = parts
    this.#system = system
    this.#settings = settings
    this.#onRelease = onRelease
  }

  /** Whether the application has released the handoff. */
  get isReleased(): boolean {
    return this.#released
  }

  /** Whether a stop is under way. */
  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Runs `hook` before the process exits. Returns the undo. */
  addExitHook(hook: ExitHook): () => void {
    this.#exitHooks.push(hook)
    return () => {
      const index = this.#exitHooks.indexOf(hook)
      if (index >= 0) this.#exitHooks.splice(index, 1)
    }
  }

  /** Runs `undo` with the end of the handoff, if the process outlives it. */
  addUndo(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** Ends this process gracefully. The promise stays pending, since the process exits. */
  stop(): Promise<never> {
    const { reporter, joinings, birth, manager, succession } = this.#parts
    this.#stopping ??= deferred<never>()
    reporter.extend(this.#settings.drainTimeoutMs)
    joinings.stop()
    if (birth.begun || birth.replaces === null) {
      manager.stopping()
      succession.stop()
    } else {
      birth.fail(stoppingError('cannot take over: it was stopped'))
    }
    return this.#stopping.promise
  }

  /** Ends the handoff without the process: no process can take over from this one any more. */
  release(): void {
    const { leadership, joinings, succession, birth, line, holdings, manager } = this.#parts
    this.#onRelease()
    this.#released = true
    leadership.close()
    this.#undoAll()
    joinings.stop()
    succession.close()
    if (succession.state !== 'serving') return
    birth.fail(stoppingError('cannot serve: the application closed'))
    birth.releaseOld('stopped')
    leadership.end()
    line.end() // No younger process waits for it.
    holdings.endListening(true)
    manager.follow()
  }

  /** The start failed: nothing of the handoff is left. */
  abandon(): void {
    this.#undoAll()
    this.#parts.line.end()
  }

  /** Reports that the program ends the process. That changes nothing of how it ends. */
  reportDeath(death: Death): void {
    this.#dying = true
    const { birth, listening } = this.#parts
    const serving = birth.replaces === null ? 'none' : 'old'
    birth.fail(errorOfDeath(death, listening.error, serving))
  }

  /** Ends a process that will never serve. */
  endFailed(error: HandoffError): void {
    this.#parts.line.end()
    if (this.#dying) return
    // Until createHandoff has returned, its caller gets the error and decides. So does an application
    // that released the handoff.
    if (error.stage === 'discover' || error.stage === 'receive' || this.#released) return
    this.#system.warn(`handoff: ${error.message} [${error.code}]`)
    this.#system.exit(1)
  }

  /** Runs the exit hooks, then exits. */
  async exit(): Promise<void> {
    const { reporter, leadership, line } = this.#parts
    const { drainTimeoutMs, statusIntervalMs } = this.#settings
    // The exit hooks have as long as the drain had.
    if (this.isStopping || statusIntervalMs !== undefined) reporter.extend(drainTimeoutMs)
    const well = await runExitHooks(this.#exitHooks, this.#system, drainTimeoutMs)
    reporter.close()
    leadership.end()
    line.end()
    this.#system.exit(well ? 0 : 1)
  }

  #undoAll(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#parts.reporter.close()
  }
}

function stoppingError(message: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_STOPPING', message)
}
