// A new process that serves HTTPS, and takes connections from an old process by hand.

import { once } from 'node:events'
import https from 'node:https'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { openPlace } from './place.ts'
import { tls as identity } from './tls.ts'

/**
 * Starts a new process that serves HTTPS, and the old one before it, by hand.
 *
 * @param accepts - what the old process knows.
 * @param positions - goes with the mark. Owned by the test.
 * @param make - another server than one of HTTPS.
 */
export async function secureSuccessor({
  accepts,
  positions,
  make,
}: {
  accepts?: string[]
  positions?: PositionFile
  make?: () => Server
} = {}) {
  const place = openPlace()
  const old = place.oldPeer()
  old.accepts = accepts
  old.positions = positions
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => void listener.close())
  const { port } = listener.address() as AddressInfo
  const key = `tcp:127.0.0.1:${port}`
  const { fd } = (listener as unknown as { _handle: { fd: number } })._handle
  const entry = { key, protocol: 'tcp', address: '127.0.0.1', port, ipv6Only: false } as const
  const next = place.generation()
  const started = next.handoff.start()
  const peer = await old.send([{ entry, fd }, old.rendezvous])
  await started
  const requests: string[] = []
  const makeSecure = () =>
    https.createServer(identity, (request, response) => {
      requests.push(`${request.url}`)
      response.end('hello')
    })
  const server = next.own<Server>((make ?? makeSecure)())
  /** Whatever the server has emitted. */
  const served: Socket[] = []
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket) => served.push(socket))
  }
  await next.handoff.listen(server, { host: '127.0.0.1', port })
  const ready = next.handoff.ready()
  const { takes } = await peer.hear('ready')
  if (make === undefined) expect(takes?.[key]).toContain('http')
  peer.say({ type: 'committed' })
  await ready
  const hand = (items: unknown[], secretBytes: number | undefined, fds: number[]) =>
    peer.say(
      {
        type: 'connections',
        key,
        kind: 'http',
        items,
        ...(secretBytes === undefined ? {} : { secretBytes }),
      },
      fds,
    )
  return { hand, peer, requests, served, key, place }
}
