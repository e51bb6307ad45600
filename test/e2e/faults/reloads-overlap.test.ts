import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Conversation } from '../../support/conversation.ts'
import { everything, Load } from '../../support/load/load.ts'
import { alive, gone } from '../../support/process-facts.ts'
import { type Run, startRun } from '../../support/run.ts'

/** Asks for a reload as the command does. Two commands may take longer to start than a whole reload. */
async function postReload({ directory, name }: Run) {
  const socketPath = join(directory, name, 'control.sock')
  const outgoing = request({ socketPath, method: 'POST', path: '/reload', agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, answer: await text(response) }
}

test('of two reloads in parallel one runs, and the other is refused', async () => {
  const run = await startRun('http-server.mjs')
  const load = new Load(run.target)
  await load.more(100)

  const reloads = await Promise.all([postReload(run), postReload(run)])

  const [well, busy] = reloads.sort((a, b) => a.status - b.status)
  expect(well?.status, well?.answer).toBe(200)
  expect(JSON.parse(well?.answer.trim().split('\n').at(-1) ?? '')).toMatchObject({ ok: true })
  expect(busy?.status, busy?.answer).toBe(409)
  expect(busy?.answer).toContain('ERR_HANDOFF_BUSY')
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
