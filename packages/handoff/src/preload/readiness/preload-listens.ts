// Delays readiness while only other preloads listen, such as a metrics exporter, and the program does
// not listen yet.

import type { System } from '../../io/system/system.ts'
import { isPreloading, onPreloadsEnd } from './preload-phase.ts'
import type { WhenReady } from './when-ready.ts'

/**
 * How long to wait for the program's first listener, in milliseconds. After that the listeners of the
 * preloads are enough.
 */
const patienceMs = 1_000

export class PreloadListens {
  readonly #whenReady: Pick<WhenReady, 'begin' | 'end'>
  readonly #timer: System['timer']
  #isHeld = false
  #hasBegun = false

  constructor(whenReady: Pick<WhenReady, 'begin' | 'end'>, timer: System['timer']) {
    this.#whenReady = whenReady
    this.#timer = timer
  }

  /** Call this before each listen. */
  beforeListen(): void {
    if (!isPreloading()) return this.#begin()
    if (this.#isHeld || this.#hasBegun) return
    this.#isHeld = true
    this.#whenReady.begin()
    onPreloadsEnd(() => this.#timer(patienceMs, () => this.#begin(), true))
  }

  /** The program listens, or the wait is over. */
  #begin(): void {
    this.#hasBegun = true
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#whenReady.end(undefined)
  }
}
