// HTTPS connections go over between two requests, with all that an application can ask of them.

import https from 'node:https'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { tls as identity } from '../support/tls.ts'

const variants = [
  { maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' },
  { maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_256_GCM_SHA384' },
  { maxVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' },
] as const

interface Served {
  generation: Generation
  server: https.Server
  sockets: TLSSocket[]
}

async function serve(
  place: Place,
  { tlsOptions = {}, ...options }: HandoffOptions & { tlsOptions?: TlsOptions } = {},
): Promise<Served> {
  const generation = await place.start(options)
  const sockets: TLSSocket[] = []
  const server = generation.own(
    https.createServer({ ...identity, ...tlsOptions }, (request, response) => {
      let size = 0
      request.on('data', (data) => {
        size += data.length
      })
      request.on('end', () => {
        const bytes = Number(/^\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0)
        const body = `${generation.system.pid} ${size}${'x'.repeat(bytes)}`
        response.setHeader('content-length', body.length)
        response.end(body)
      })
    }),
  )
  server.on('secureConnection', (socket) => sockets.push(socket))
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server, sockets }
}

const has = ({ generation }: Served, connections: number) =>
  until('it has them', () => generation.handoff.metrics().connections === connections)

describe.each(variants)('with $ciphers', (variant) => {
  test('a connection is served by three generations', async () => {
    const place = openPlace()
    const first = await serve(place)
    const client = await SecureClient.connect(first.server, variant)
    expect(await client.ask()).toBe(`${first.generation.system.pid} 0`)
    for (let count = 0; count < 3; count++) {
      const next = await serve(place)
      await has(next, 1)
      for (let request = 0; request < 3; request++) {
        expect(await client.ask('/100000')).toMatch(
          new RegExp(`^${next.generation.system.pid} 0x{100000}$`),
        )
      }
    }
    expect(client.socket.destroyed).toBe(false)
  })
})
