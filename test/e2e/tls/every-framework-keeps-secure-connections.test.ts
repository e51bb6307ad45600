// HTTPS servers with and without code for handoffs: what they see of a connection is the same in each process.

import { readFileSync } from 'node:fs'
import https from 'node:https'
import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../../support/certificate.ts'
import { freePort } from '../../support/free-port.ts'
import { type Reply, send } from '../../support/load/send.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 2
/** The old process exits soon: its connections have left it then. */
const soon = ['--probation', '100ms']

/** What each framework says of a request on a secure connection. */
const says: Record<string, object> = {
  http: {},
  express: { secure: true, protocol: 'https', ip: '127.0.0.1' },
  koa: { secure: true, protocol: 'https', ip: '127.0.0.1' },
  fastify: { protocol: 'https', ip: '127.0.0.1' },
}

const read = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))
const trusted = { key: read('key.pem'), cert: certificate }
const unknown = { key: read('rsa-key.pem'), cert: read('rsa-certificate.pem') }

/** Clients, and what the server knows of them. */
const clients = [
  { version: 'TLSv1.3', identity: trusted, authorized: true, peer: { CN: 'localhost' } },
  { version: 'TLSv1.2', identity: trusted, authorized: true, peer: { CN: 'localhost' } },
  { version: 'TLSv1.3', identity: unknown, authorized: false, peer: { CN: 'localhost' } },
  { version: 'TLSv1.2', identity: {}, authorized: false, peer: undefined },
] as const

interface Said {
  says?: object
  socket: { hasSession: boolean } & Record<string, unknown>
}

/** What must be the same in each process; a session cannot be resumed from another one. */
function comparable({ kind, detail, text, headers }: Reply) {
  const { socket, ...said } = JSON.parse(text) as Said
  const { hasSession: _, ...facts } = socket
  return { kind, detail, connection: headers.connection, ...said, facts }
}

const sessionOf = ({ text }: Reply) => (JSON.parse(text) as Said).socket.hasSession

const programs = { 'an unmodified': 'unmodified/secure.mjs', a: 'secure/every-framework.mjs' }

const cases = Object.entries(programs).flatMap(([kind, program]) =>
  Object.keys(says).map((framework): [string, string, string] => [
    `${kind} ${framework}`,
    program,
    framework,
  ]),
)

test.each(cases)(
  `%s server sees the same sockets over ${HANDOFFS} handoffs`,
  async (_, program, framework) => {
    const env = { PORT: `${await freePort()}` }
    const run = await startRun(program, { env, flags: soon, args: [framework] })
    const agents = clients.map(
      ({ version, identity }) =>
        new https.Agent({
          ...identity,
          servername: 'localhost',
          ALPNProtocols: ['http/1.1'],
          keepAlive: true,
          maxSockets: 1,
          minVersion: version,
          maxVersion: version,
          // One that is resumed would be hidden by a new connection.
          maxCachedSessions: 0,
        }),
    )
    onTestFinished(() => {
      for (const agent of agents) agent.destroy()
    })
    const askAll = () =>
      Promise.all(
        agents.map((agent) =>
          send({ ...run.target, ca: certificate }, { path: '/', agent, deadlineMs: 10_000 }),
        ),
      )

    const first = await askAll()
    for (const [index, { version, authorized, peer }] of clients.entries()) {
      expect(comparable(first[index] as Reply)).toMatchObject({
        kind: 'ok',
        ...(framework === 'http' ? {} : { says: says[framework] }),
        facts: {
          encrypted: true,
          isTlsSocket: true,
          authorized,
          peer: peer === undefined ? {} : { subject: peer },
          servername: 'localhost',
          alpnProtocol: 'http/1.1',
          protocol: version,
          timeout: 90_000,
        },
      })
    }
    expect(first.map(sessionOf)).toEqual(clients.map(() => true))
    const pids = new Set(first.map(({ pid }) => pid))
    for (let handoff = 1; handoff <= HANDOFFS; handoff++) {
      await run.replace()
      // The first request in a process, and another one.
      for (const replies of [await askAll(), await askAll()]) {
        expect(replies.map(comparable), `handoff ${handoff}`).toEqual(first.map(comparable))
        expect(replies.map(sessionOf)).toEqual(clients.map(() => false))
        for (const { pid } of replies) pids.add(pid)
      }
      expect(pids.size).toBe(handoff + 1)
    }
    await run.stop()
  },
)
