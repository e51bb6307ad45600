import { expect, test } from 'vitest'
import { everything, Load } from '../support/load/load.ts'
import { send } from '../support/load/send.ts'
import { alive, gone } from '../support/process-facts.ts'
import { startRun } from '../support/run.ts'

test('of two reloads at once one runs and the other is told so', async () => {
  const run = await startRun('http-server.mjs')
  const load = new Load(run.target)
  await load.more(100)

  const reloads = await Promise.all([run.reload(), run.reload()])

  const [well, busy] = reloads.sort((a, b) => (a.exitCode ?? 9) - (b.exitCode ?? 9))
  expect(well?.exitCode, well?.text).toBe(0)
  expect(busy?.exitCode, busy?.text).toBe(1)
  expect(busy?.text).toContain('ERR_HANDOFF_BUSY')
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one handoff').toBe(2)
  await run.stop()
})

test('reloads work while older generations drain a long download', async () => {
  const run = await startRun('http-server.mjs')
  const first = await run.listening()
  const load = new Load(run.target, everything)
  await load.more(100)
  const download = send(run.target, {
    path: '/download?ms=8000',
    checkSha256: true,
  })
  await load.more(100)

  await run.reloadWell()
  await run.reloadWell()
  await run.reloadWell()

  expect(alive(first), 'the first generation still drains').toBe(true)
  const { kind, pid, detail } = await download
  expect([kind, pid], detail).toEqual(['ok', `${first}`])
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await gone(first)
  await run.stop()
})

test('a reload in the probation of the last one ends it', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--probation', '60s'] })
  const first = await run.listening()
  const load = new Load(run.target)
  await load.more(100)

  await run.reloadWell()
  expect(alive(first), 'the first generation could take back').toBe(true)
  await run.reloadWell()
  await gone(first)

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
})
