import { expect, onTestFinished, test } from 'vitest'
import { certificate } from '../../support/certificate.ts'
import { FailureFile } from '../../support/failure-file.ts'
import { killAfterCommit } from '../../support/kill-after-commit.ts'
import { lossesOf } from '../../support/load/expected.ts'
import { seeded } from '../../support/load/random.ts'
import { patient, secureOptions, wholeOptions } from '../../support/load/whole-load.ts'
import { WholeLoadClient } from '../../support/load/whole-load-client.ts'
import { hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

const SEED = 3
const KILLS = 6

/** See Death for what is excused. */
const noneUnexcused = {
  failed: 0,
  kept: { closed: 0 },
  resting: { closed: 0 },
  webSockets: { closed: 0 },
  lost: 0,
  reordered: 0,
  doubled: 0,
  miscounted: 0,
}

test.skipIf(!hasProc).each(['websocket-server.mjs', 'fastify-whole-server.mjs', 'secure/http.mjs'])(
  `%s loses only what the new process was executing when it was killed (Linux)`,
  { timeout: 300_000 },
  async (fixture) => {
    const failure = new FailureFile()
    const run = await startRun(fixture, { env: failure.env, flags: patient })
    const load = fixture.startsWith('secure/')
      ? await WholeLoadClient.start({ ...run.target, ca: certificate }, secureOptions)
      : await WholeLoadClient.start(run.target)
    onTestFinished(() => load.dispose())
    const random = seeded(SEED)

    for (let kill = 0; kill < KILLS; kill++) {
      await load.more(1)
      // The first stops at once: with connections on their way, and not acked.
      const stopAfterMs = kill === 0 ? 0 : Math.floor(random() * 150)
      const holdMs = Math.floor(random() * 50)
      await killAfterCommit(run, load, { failureFile: failure.path, stopAfterMs, holdMs })
    }
    await load.more(1)
    await run.reloadWell()
    await load.more(1)

    const report = await load.stop()
    expect(lossesOf(report), report.text).toMatchObject(noneUnexcused)
    // Nearly all were at rest, used or not, and came back to the old process.
    const connections = wholeOptions.kept + wholeOptions.resting
    expect(report.kept.cut + report.resting.cut).toBeLessThan((KILLS * connections) / 4)
    await run.stop()
  },
)
