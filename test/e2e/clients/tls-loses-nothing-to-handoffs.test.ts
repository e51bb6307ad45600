import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../../support/certificate.ts'
import { lossesOf, noLosses } from '../../support/load/expected.ts'
import { secureOptions as options, patient } from '../../support/load/whole-load.ts'
import { WholeLoadClient } from '../../support/load/whole-load-client.ts'
import { startRun } from '../../support/run.ts'

const wanted = process.env.HANDOFF_TLS_HANDOFFS
const HANDOFFS = Number(wanted ?? 5)

const servers: [fixture: string, ...args: string[]][] = [['http.mjs'], ['fastify.mjs']]
// To the handoff these are servers of node:https: only the long run has them.
if (wanted !== undefined) servers.push(['framework.mjs', 'express'], ['framework.mjs', 'koa'])

test.each(servers.map((server) => ({ name: server.join(' '), server })))(
  `secure/$name loses nothing in ${HANDOFFS} handoffs: every secure connection is the same at the end`,
  { timeout: 60_000 + HANDOFFS * 20_000 },
  async ({ server: [fixture, ...args] }) => {
    const run = await startRun(`secure/${fixture}`, { args, flags: patient })
    const load = await WholeLoadClient.start({ ...run.target, ca: certificate }, options)
    onTestFinished(() => load.dispose())

    for (let handoff = 0; handoff < HANDOFFS; handoff++) {
      await load.more(1)
      await run.reloadWell()
    }
    await load.more(1)

    const report = await load.stop()
    expect(lossesOf(report), report.text).toEqual(noLosses(options))
    expect(report.pids).toHaveLength(HANDOFFS + 1)
    await run.stop()
  },
)
