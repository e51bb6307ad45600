// Holds readiness back while other preloads alone listen, such as an exporter of metrics: the server is
// yet to come.

import type { System } from '../../io/system/system.ts'
import { isPreloading, onPreloadsEnd } from './phase.ts'
import type { WhenReady } from './when-ready.ts'

/**
 * How long a program may take to its own first listen, in milliseconds. One that listens on nothing is
 * ready after that with what its preloads listen on.
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
  heard(): void {
    if (!isPreloading()) return this.#begin()
    if (this.#isHeld || this.#hasBegun) return
    this.#isHeld = true
    this.#whenReady.begin()
    onPreloadsEnd(() => this.#timer(patienceMs, () => this.#begin(), true))
  }

  /** The program listens by itself, or does not. */
  #begin(): void {
    this.#hasBegun = true
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#whenReady.end(undefined)
  }
}
