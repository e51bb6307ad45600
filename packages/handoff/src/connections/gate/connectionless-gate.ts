// A gate that has no connections of its own: nothing is to be told, moved or closed behind it.

import type { Held } from '../../io/listeners/held.ts'
import type { Gate } from './gate.ts'

export abstract class ConnectionlessGate implements Gate {
  readonly connections = 0
  readonly kinds = {}
  readonly movers = []

  abstract get held(): Held
  abstract open(): Promise<void>
  abstract shut(): void
  abstract reattach(held: Held): void

  giveNotice(): () => void {
    return () => {}
  }

  dismiss(): () => void {
    return () => {}
  }

  closeQuiescent(): void {}

  force(): void {}
}
