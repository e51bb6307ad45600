import { expect, test } from 'vitest'
import { Conversation } from '../../support/conversation.ts'
import { everything, Load } from '../../support/load/load.ts'
import { alive, gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

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

test('reloads work while older generations drain a long upload', async () => {
  const run = await startRun('http-server.mjs')
  const first = await run.listening()
  const load = new Load(run.target, everything)
  const upload = await Conversation.begin(run.target)
  upload.say('POST /upload HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n')
  upload.say('Content-Length: 10\r\n\r\n')
  await upload.heard.waitFor(/100 Continue/)
  upload.say('hello')

  await run.reloadWell()
  await run.reloadWell()
  await run.reloadWell()

  expect(alive(first), 'the first generation still drains').toBe(true)
  upload.say('hello')
  expect(await upload.statusLines(2)).toEqual(['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK'])
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
