import { expect, onTestFinished, test } from 'vitest'
import { lossesOf, noLosses } from '../../support/load/expected.ts'
import { wholeOptions } from '../../support/load/whole-load.ts'
import { WholeLoadClient } from '../../support/load/whole-load-client.ts'
import { startRun } from '../../support/run.ts'

const RELOADS = Number(process.env.HANDOFF_BACK_TO_BACK ?? 8)

test.each([
  ['busy connections', { ...wholeOptions, resting: 0, long: {} }],
  ['long requests, too', wholeOptions],
])(
  `${RELOADS} reloads, each begun when the one before returned, close nothing: %s`,
  { timeout: 60_000 + RELOADS * 20_000 },
  async (_, options) => {
    const run = await startRun('websocket-server.mjs')
    const load = await WholeLoadClient.start(run.target, { ...options, deadlineMs: 5_000 })
    onTestFinished(() => load.dispose())

    await load.more(1)
    for (let reload = 0; reload < RELOADS; reload++) await run.reloadWell()
    await load.more(1)

    const report = await load.stop()
    expect(lossesOf(report), report.text).toEqual(noLosses(options))
    expect(report.heldBack, report.text).toBe(0)
    await run.stop()
  },
)
