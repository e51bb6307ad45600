// Stage ready, new side: what this process uses of the old one's listeners, and takes behind them.

import type { Gate } from '../connections/gate/gate.ts'
import type { Messages } from '../protocol/messages.ts'

export function readyMessage(gates: Iterable<Gate>): Messages['ready'] {
  const claimed: string[] = []
  const takes: Record<string, string[]> = {}
  for (const { held, connections } of gates) {
    if (held.receivedAs === undefined) continue
    claimed.push(held.receivedAs)
    const movers = connections?.movers ?? []
    takes[held.receivedAs] = movers.filter(({ adopts }) => adopts).map(({ kind }) => kind)
  }
  return { claimed, takes }
}
