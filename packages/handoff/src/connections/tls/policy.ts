// Whether the TLS connections of this process change process, and what was said about those that cannot.

import { countTlsRecords } from '../../io/native/tls-counts.ts'
import type { TlsMode } from '../../terms/options.ts'
import { TlsLayer } from './layer.ts'
import { describeObstacle, type Obstacle } from './obstacles.ts'

export class TlsPolicy {
  /** Undefined if TLS connections stay. */
  readonly layer: TlsLayer | undefined
  readonly #warn: (message: string) => void
  readonly #said = new Set<Obstacle>()

  constructor(mode: TlsMode, warn: (message: string) => void) {
    this.#warn = warn
    const moves = mode === 'move' && countTlsRecords() === undefined
    this.layer = moves ? new TlsLayer((obstacle) => this.#sayOnce(obstacle)) : undefined
  }

  #sayOnce(obstacle: Obstacle): void {
    if (this.#said.has(obstacle)) return
    this.#said.add(obstacle)
    this.#warn(describeObstacle(obstacle))
  }
}
