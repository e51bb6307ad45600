// All that is compared: this project first, then its peers.

import { bareBoot } from './bare-boot.ts'
import { cluster } from './cluster.ts'
import { handoff, handoffUnchanged } from './handoff.ts'
import { haproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import type { Peer } from './peer.ts'
import { pm2 } from './pm2.ts'
import { serverStarter } from './server-starter.ts'
import { tableflip } from './tableflip.ts'

const all: readonly Peer[] = [
  handoff,
  handoffUnchanged,
  bareBoot,
  nginx,
  haproxy,
  tableflip,
  pm2,
  cluster,
  serverStarter,
]

export interface Selection {
  readonly peers: readonly Peer[]
  /** One line for each peer that is left out. */
  readonly skipped: readonly string[]
}

/**
 * Returns the installed peers with these names, or all installed peers.
 *
 * @throws Error if a name is unknown.
 */
export function selectPeers(
  names: readonly string[] | undefined,
  known: readonly Peer[] = all,
): Selection {
  for (const name of names ?? []) {
    if (known.some((peer) => peer.name === name)) continue
    const list = known.map((peer) => peer.name).join(', ')
    throw new Error(`cannot measure ${name}: it is no peer. Name some of ${list}.`)
  }
  // `handoff` is always there: figures of one run are compared with it alone.
  const wanted = known.filter(
    (peer) => names === undefined || names.includes(peer.name) || peer === handoff,
  )
  const skipped = wanted.flatMap((peer) => {
    const how = peer.missing()
    return how === undefined ? [] : [`skipping ${peer.name}: not installed (${how})`]
  })
  return { peers: wanted.filter((peer) => peer.missing() === undefined), skipped }
}
