// Whether the TLS connections of this process change process, and what was said about those that cannot.

import { progressObstacle } from '../../io/native/many-connections.ts'
import { countTlsRecords } from '../../io/native/tls-counts.ts'
import { secretsObstacle } from '../../io/native/tls-secrets.ts'
import type { TlsMode } from '../../terms/options.ts'
import { TlsLayer } from './layer.ts'
import { describeObstacle, type Obstacle } from './obstacles.ts'

export class TlsPolicy {
  readonly #layer: TlsLayer | undefined
  /** Why this process cannot move TLS connections, until that was said. */
  #reason: string | undefined
  readonly #warn: (message: string) => void
  readonly #said = new Set<Obstacle>()

  constructor(mode: TlsMode, warn: (message: string) => void) {
    this.#warn = warn
    if (mode === 'close') return
    this.#reason = countTlsRecords() ?? secretsObstacle() ?? progressObstacle()
    if (this.#reason !== undefined) return
    this.#layer = new TlsLayer((obstacle) => this.#sayOnce(obstacle))
  }

  /** What lies below the connections of a TLS server. Undefined if they stay; the first call says why. */
  get layer(): TlsLayer | undefined {
    if (this.#reason !== undefined) this.#warn(`TLS connections cannot move: ${this.#reason}`)
    this.#reason = undefined
    return this.#layer
  }

  #sayOnce(obstacle: Obstacle): void {
    if (this.#said.has(obstacle)) return
    this.#said.add(obstacle)
    this.#warn(describeObstacle(obstacle))
  }
}
