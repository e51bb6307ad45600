// HTTPS servers that import nothing of ours: what they see of a connection is the same in each process.

import https from 'node:https'
import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../../support/certificate.ts'
import { freePort } from '../../support/free-port.ts'
import { type Reply, send } from '../../support/load/send.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 2
/** The old process exits soon: its connections have left it then. */
const soon = ['--probation', '100ms']

/** What each framework answers: the connection is a secure one. */
const says: Record<string, string> = {
  http: 'hello\n',
  express: '{"secure":true,"protocol":"https"}',
  koa: '{"secure":true,"protocol":"https"}',
  fastify: '{"protocol":"https"}',
}

test.each(Object.entries(says))(
  `an unmodified %s server keeps its connections over ${HANDOFFS} handoffs`,
  async (framework, text) => {
    const env = { PORT: `${await freePort()}` }
    const run = await startRun('unmodified/secure.mjs', { env, flags: soon, args: [framework] })
    const agents = (['TLSv1.2', 'TLSv1.3'] as const).map(
      (version) =>
        new https.Agent({
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
          send({ ...run.target, ca: certificate }, { path: '/', text, agent, deadlineMs: 10_000 }),
        ),
      )
    const facts = ({ kind, detail, text, headers }: Reply) => ({
      kind,
      detail,
      text,
      port: headers['x-port'],
      tls: headers['x-tls'],
      connection: headers.connection,
    })

    const first = await askAll()
    expect(first.map(({ kind, text }) => ({ kind, text }))).toEqual(
      agents.map(() => ({ kind: 'ok', text })),
    )
    const pids = new Set(first.map(({ pid }) => pid))
    for (let handoff = 1; handoff <= HANDOFFS; handoff++) {
      await run.replace()
      const replies = await askAll()
      expect(replies.map(facts), `handoff ${handoff}`).toEqual(first.map(facts))
      for (const { pid } of replies) pids.add(pid)
      expect(pids.size).toBe(handoff + 1)
    }
    await run.stop()
  },
)
