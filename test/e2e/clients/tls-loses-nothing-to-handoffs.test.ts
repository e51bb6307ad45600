import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../../support/certificate.ts'
import { lossesOf, noLosses } from '../../support/load/expected.ts'
import { wholeOptions } from '../../support/load/whole-load.ts'
import { WholeLoadClient } from '../../support/load/whole-load-client.ts'
import { startRun } from '../../support/run.ts'

const HANDOFFS = Number(process.env.HANDOFF_TLS_HANDOFFS ?? 5)

/** A handshake costs both sides about as much as twenty requests. */
const options = { ...wholeOptions, arriving: 100 }

test.each(['secure/http.mjs', 'secure/fastify.mjs'])(
  `%s loses nothing in ${HANDOFFS} handoffs: every secure connection is the same at the end`,
  { timeout: 60_000 + HANDOFFS * 20_000 },
  async (fixture) => {
    const run = await startRun(fixture)
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
