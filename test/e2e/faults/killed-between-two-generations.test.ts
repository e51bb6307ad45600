import { Agent } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { holdRequest } from '../../support/held-request.ts'
import { send } from '../../support/load/send.ts'
import { gone } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** Three generations: the first has a request under way, the second has nothing left. */
async function threeGenerations() {
  const run = await startRun('http-server.mjs')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const held = holdRequest(run.target, agent)
  const isOpen = async () => (await run.status()).processes[0]?.connections === 1
  await until('the request is under way', isOpen)
  const serving = async () => (await run.status()).serving ?? 0
  const first = await serving()
  await run.reloadWell()
  const second = await serving()
  await run.reloadWell()
  const third = await serving()
  const ask = () => send(run.target, { path: '/', text: 'hello\n', agent })
  return { run, held, ask, first, second, third }
}

test('a connection of the first generation goes to the third through the second', async () => {
  const { run, held, ask, first, second, third } = await threeGenerations()
  held.end()
  const reply = await held.reply
  expect(reply).toMatchObject({ kind: 'ok', pid: String(first) })
  expect(reply.headers.connection).toBe('keep-alive')
  await gone(first)
  await gone(second)
  expect(await ask()).toMatchObject({ kind: 'ok', pid: String(third), reused: true })
  await run.stop()
})

test('the second generation is killed: the first serves its connection to the end', async () => {
  const { run, held, ask, first, second, third } = await threeGenerations()
  process.kill(second, 'SIGKILL')
  await gone(second)
  held.end()
  expect(await held.reply).toMatchObject({ kind: 'ok', pid: String(first) })
  const last = await ask()
  expect(last).toMatchObject({ kind: 'ok', pid: String(first), reused: true })
  expect(last.headers.connection).toBe('close')
  await gone(first)
  expect(await ask()).toMatchObject({ kind: 'ok', pid: String(third) })
  await run.reloadWell()
  await run.stop()
})

test('the first generation is killed: the second leaves, and the third serves on', async () => {
  const { run, held, ask, first, second, third } = await threeGenerations()
  process.kill(first, 'SIGKILL')
  expect((await held.reply).kind).not.toBe('ok')
  await gone(second)
  expect(await ask()).toMatchObject({ kind: 'ok', pid: String(third) })
  await run.stop()
})
