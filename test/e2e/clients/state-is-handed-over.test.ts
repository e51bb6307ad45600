import { expect, test } from 'vitest'
import { ask } from '../../support/cli-project.ts'
import { startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'

const HANDOFFS = 5
const REQUESTS = 5

test(`a counter counts on across ${HANDOFFS} handoffs`, async () => {
  const jobs = `${scratchDirectory()}/jobs`
  const run = await startRun('leader-server.mjs', { env: { JOB_FILE: jobs } })
  const port = run.target.port as number
  const counted: string[] = []
  for (let handoff = 0; handoff <= HANDOFFS; handoff++) {
    for (let request = 0; request < REQUESTS; request++) counted.push(await ask(port))
    if (handoff < HANDOFFS) await run.reloadWell()
  }
  expect(counted).toEqual(counted.map((_, index) => `${index + 1}`))
  await run.stop()
})
