import { once } from 'node:events'
import { expect, test } from 'vitest'
import { everything, Load } from '../../support/load/load.ts'
import { gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

test('the server serves on without its supervisor, and a new one takes over from it', async () => {
  const first = await startRun('http-server.mjs')
  const old = await first.listening()
  const load = new Load(first.target, everything)
  await load.more(100)

  first.supervisor.kill('SIGKILL')
  await once(first.supervisor, 'exit')
  await load.more(100)
  const second = await startRun('http-server.mjs', { after: first })
  await load.more(100)

  expect(second.target).toEqual(first.target)
  await second.reloadWell()
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await gone(old)
  await second.stop()
})
