// HTTPS servers of the stage tests: each answer says which process it comes from, and how much it read.

import https from 'node:https'
import type { TLSSocket, TlsOptions } from 'node:tls'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import type { Generation, Place } from './place.ts'
import { tls as identity } from './tls.ts'

export interface SecureServed {
  generation: Generation
  server: https.Server
  /** What the server has emitted as `secureConnection`. */
  sockets: TLSSocket[]
}

export interface SecureOptions extends HandoffOptions {
  tlsOptions?: TlsOptions
  set?: Partial<https.Server>
}

/** A process with an HTTPS server. `/1000` asks for 1,000 more bytes. */
export async function serveSecurely(
  place: Place,
  { tlsOptions = {}, set = {}, ...options }: SecureOptions = {},
): Promise<SecureServed> {
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
  Object.assign(server, set)
  server.on('secureConnection', (socket) => {
    sockets.push(socket)
  })
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server, sockets }
}

/** Resolves when a process has so many connections. */
export async function hasConnections(
  { generation }: Pick<SecureServed, 'generation'>,
  count: number,
): Promise<void> {
  const { handoff } = generation
  await until(`it has ${count} connections`, () => handoff.metrics().connections === count)
}
