// A new process that serves HTTPS, and takes connections from an old process by hand.

import { once } from 'node:events'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { openPlace } from './place.ts'
import { tls as identity } from './tls.ts'

/**
 * Starts a new process that serves HTTPS, and the old one before it, by hand.
 *
 * @param accepts - what the old process knows.
 * @param positions - goes with the mark. Owned by the test.
 */
export async function secureSuccessor({
  accepts,
  positions,
}: {
  accepts?: string[]
  positions?: PositionFile
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
  const server = next.own(
    https.createServer(identity, (request, response) => {
      requests.push(`${request.url}`)
      response.end('hello')
    }),
  )
  await next.handoff.listen(server, { host: '127.0.0.1', port })
  const ready = next.handoff.ready()
  expect((await peer.hear('ready')).takes?.[key]).toContain('http')
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
  return { hand, peer, requests }
}
