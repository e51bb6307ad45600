import { expect, onTestFinished, test } from 'vitest'
import { lossesOf, noLosses } from '../../support/load/expected.ts'
import { patient, wholeOptions } from '../../support/load/whole-load.ts'
import { WholeLoadClient } from '../../support/load/whole-load-client.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = 10

test.each(['websocket-server.mjs', 'fastify-whole-server.mjs'])(
  `%s loses nothing in ${HANDOFFS} handoffs: every connection is the same at the end`,
  { timeout: 300_000 },
  async (fixture) => {
    const run = await startRun(fixture, { flags: patient })
    const load = await WholeLoadClient.start(run.target)
    onTestFinished(() => load.dispose())

    for (let handoff = 0; handoff < HANDOFFS; handoff++) {
      await load.more(1)
      await run.reloadWell()
    }
    await load.more(1)

    const report = await load.stop()
    expect(lossesOf(report), report.text).toEqual(noLosses(wholeOptions))
    expect(report.pids).toHaveLength(HANDOFFS + 1)
    await run.stop()
  },
)
