// Why a TLS connection cannot change process.

import type { Socket } from 'node:net'
import type { TlsCounts, TlsObstacle } from '../../io/native/tls-counts.ts'
import { isPipe } from '../../io/node/internals/connection-handle.ts'
import { transportOf } from '../../io/node/internals/tls.ts'

export type Obstacle = TlsObstacle | 'context' | 'unix' | 'other-bytes'

/** In a sentence after "since". */
const sentences: Readonly<Record<Obstacle, string>> = {
  context:
    'their server was made before socket-handoff was loaded (import it first, or call createHandoff() first), or has the option enableTrace',
  unix: 'the kernel does not count the bytes of a Unix socket',
  'other-bytes':
    'bytes that are no records of TLS came or went on them (the PROXY protocol, say), or their program called enableTrace()',
  version: 'their version of TLS is older than 1.2',
  suite: 'their cipher suite is none of AES-GCM and ChaCha20-Poly1305 with an ephemeral key',
  renegotiated: 'they were renegotiated',
  'early-data': 'they began with early data (0-RTT)',
  secrets: 'their secrets were not seen',
  compressed: 'they are compressed',
  fragment: 'they have a smaller maximum length of records',
  alert: 'an alert was sent or received on them',
  handshake: 'a message of a handshake came after it',
  nonce: 'the nonces of OpenSSL do not count up',
}

/** Returns why a connection cannot move now or later; undefined if it can, or its handshake is not over. */
export function obstacleOf(socket: Socket, counts: TlsCounts | undefined): Obstacle | undefined {
  if (counts === undefined) return 'context'
  return counts.obstacle ?? (isPipe(transportOf(socket)) ? 'unix' : undefined)
}

/** Says why connections stay. */
export function describeObstacle(obstacle: Obstacle): string {
  return `TLS connections stay in this process until they end, since ${sentences[obstacle]}`
}
