// Why a TLS connection cannot move: what the native core found, or the transport.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ListenOptions } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import {
  describeObstacle,
  obstacleOf,
} from '../../../packages/handoff/src/connections/tls/obstacles.ts'
import type { TlsCounts } from '../../../packages/handoff/src/io/native/tls-counts.ts'
import { closeLater, scratchDirectory } from '../../support/scratch.ts'

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** The socket of a server that listens there, after its handshake. */
async function secured(where: ListenOptions): Promise<tls.TLSSocket> {
  const server = closeLater(
    tls.createServer({ key: read('key.pem'), cert: read('certificate.pem') }),
  )
  await once(server.listen(where), 'listening')
  const accepted = once(server, 'secureConnection')
  const address = server.address()
  const to = typeof address === 'string' ? { path: address } : { port: address?.port ?? 0 }
  const client = tls.connect({ ...to, rejectUnauthorized: false })
  onTestFinished(() => void client.destroy())
  const [socket] = (await accepted) as [tls.TLSSocket]
  onTestFinished(() => void socket.destroy())
  return socket
}

const counts = { obstacle: undefined } as TlsCounts

test('a connection over TCP has none of its own', async () => {
  const socket = await secured({ host: '127.0.0.1', port: 0 })
  expect(obstacleOf(socket, counts)).toBeUndefined()
  expect(obstacleOf(socket, { ...counts, obstacle: 'suite' })).toBe('suite')
  expect(obstacleOf(socket, undefined)).toBe('context')
})

test('a connection over a Unix socket stays, since the kernel does not count its bytes', async () => {
  const socket = await secured({ path: join(scratchDirectory(), 'tls.sock') })
  const obstacle = obstacleOf(socket, counts)
  expect(obstacle).toBe('unix')
  expect(describeObstacle('unix')).toContain('does not count the bytes of a Unix socket')
  // What the native core found says more.
  expect(obstacleOf(socket, { ...counts, obstacle: 'suite' })).toBe('suite')
})
