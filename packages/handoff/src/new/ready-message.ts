// Stage ready, new side: the message that names the listeners and connections that this process takes.

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
