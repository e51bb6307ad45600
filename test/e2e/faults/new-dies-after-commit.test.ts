import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'

test.each([0, 1, 5, 20, 100])(
  'the old process takes back when the new one is killed %i ms after commit',
  async (ms) => {
    const failure = new FailureFile()
    const run = await startRun('failing-server.mjs', { env: failure.env })
    const old = await run.listening()
    const load = new Load(run.target)
    await load.more(100)

    failure.next('dieAfter', 'serving', ms)
    const reload = await run.reload()
    await run.output.waitFor(/taken back/)
    await load.more(200)
    const tally = await load.stop()

    // What the new process had accepted died with it; whoever came after was served.
    const cut = tally.count('newConnection', 'reset') + tally.count('newConnection', 'truncated')
    expect(tally.failed, `${tally}`).toBe(cut)
    expect(cut, `${tally}`).toBeLessThanOrEqual(16)
    const later = new Load(run.target)
    await later.more(100)
    const after = await later.stop()
    expect(after.failed, `${after}`).toBe(0)
    expect([...after.pids.keys()], reload.text).toEqual([`${old}`])

    failure.none()
    await run.reloadWell()
    await run.stop()
  },
)
