// Connections that a new process by hand has taken, and their clients.

import net from 'node:net'
import type { MovableKind } from '../../../packages/handoff/src/connections/kinds.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { until } from '../../support/until.ts'
import type { NewPeer } from './peers.ts'
import type { Place } from './place.ts'

export class Client {
  readonly socket: net.Socket
  heard = ''
  ended = false

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.heard += data
    })
    socket.on('end', () => {
      this.ended = true
    })
  }

  async hears(text: string): Promise<void> {
    await until(`it hears ${text}`, () => this.heard.includes(text))
  }
}

/** A new process that has taken so many connections, and has acked them. */
export async function takeAll(
  place: Place,
  kind: MovableKind,
  count: number,
  accepts: readonly string[] = [],
): Promise<NewPeer> {
  const peer = place.newPeer()
  peer.accepts.push(...accepts)
  const { listeners } = await peer.receive()
  const [key = ''] = listeners.map((listener) => listener.key)
  peer.say({ type: 'ready', claimed: [key], takes: { [key]: [kind] } })
  await peer.hear('committed')
  for (let received = 0; received < count; ) {
    received += (await peer.hear('connections')).items.length
    peer.say({ type: 'adopted', received })
  }
  // Told after the last ack: then nothing is on its way.
  await peer.hear('drained')
  return peer
}

/** The port of the client at the other end of a connection. */
export function peerPort(fd: number): number | undefined {
  const socket = new net.Socket({ fd: dup(fd), readable: false, writable: false })
  const { remotePort } = socket
  socket.destroy()
  return remotePort
}
