// Where the kernel does not spread: a Unix path and a UDP socket, of which all workers hold the one queue.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { everything, Load } from '../../support/load/load.ts'
import { expectOnlyCut } from '../../support/load/only-cut.ts'
import { type Reply, send, type Target } from '../../support/load/send.ts'
import { UdpLoad } from '../../support/load/udp-load.ts'
import { gone } from '../../support/process-facts.ts'
import { type Run, startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const flags = ['--workers', '2']

/** Two workers at one Unix path. */
async function startAtPath(): Promise<{ run: Run; path: string; pids: number[] }> {
  const path = join(scratchDirectory(), 'http.sock')
  const run = await startRun('http-server.mjs', { flags, args: [path] })
  const pids = await run.workersServe(2)
  return { run, path, pids }
}

/** Asks until each of these processes has answered; whoever is awake first takes a connection. */
async function allAnswer(target: Target, pids: readonly number[]): Promise<void> {
  const missing = new Set(pids.map(String))
  await until(`${[...missing]} answer`, async () => {
    const replies = await Promise.all(Array.from({ length: 16 }, () => ask(target)))
    for (const { pid = '' } of replies) missing.delete(pid)
    return missing.size === 0
  })
}

async function ask(target: Target): Promise<Reply> {
  const reply = await send(target, { path: '/' })
  expect(reply).toMatchObject({ kind: 'ok', text: 'hello\n' })
  return reply
}

async function nextPids(run: Run, before: readonly number[]): Promise<number[]> {
  const pids = await run.workersServe(before.length)
  expect(pids.filter((pid) => before.includes(pid))).toEqual([])
  return pids
}

test('a Unix path: both answer, reloads under load lose nothing, a stop removes it', async () => {
  const { run, path, pids } = await startAtPath()
  await allAnswer(run.target, pids)
  const load = new Load(run.target, everything)
  await load.more(100)
  for (const reload of [[], ['--parallel']]) {
    const { exitCode, text } = await run.reload(...reload)
    expect(exitCode, text).toBe(0)
    await load.more(100)
  }
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await allAnswer(run.target, await nextPids(run, pids))

  await run.stop()
  expect(existsSync(path)).toBe(false)
})

test('a Unix path: a worker that has no place any more leaves the path where it is', async () => {
  const { run, path, pids } = await startAtPath()
  const load = new Load(run.target, everything)
  await load.more(100)

  const fewer = await run.reload('--workers', '1', '--wait', 'exit')
  expect(fewer.exitCode, fewer.text).toBe(0)
  expect(fewer.events.at(-1)).toMatchObject({
    workers: [
      { worker: 1, outcome: 'reloaded' },
      { worker: 2, outcome: 'left', to: 1 },
    ],
  })
  for (const pid of pids) await gone(pid)
  await load.more(100)
  const [last = 0] = await run.workersServe(1)
  await allAnswer(run.target, [last])

  // What it has taken in is the same queue: it goes on with it, and others may come again.
  await run.reloadWell()
  await load.more(100)
  const more = await run.reload('--workers', '2')
  expect(more.exitCode, more.text).toBe(0)
  await allAnswer(run.target, await run.workersServe(2))
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
  expect(existsSync(path)).toBe(false)
})

test('a Unix path: the end of one worker by kill -9 refuses nobody, and keeps the path', async () => {
  const { run, pids } = await startAtPath()
  const load = new Load(run.target, { newConnection: 8 })
  for (const [index, pid] of pids.entries()) {
    await load.more(100)
    process.kill(pid, 'SIGKILL')
    await until('another process serves', async () => {
      return !(await run.workersServe(2)).includes(pid)
    })
    await load.more(100)
    expect(load.tally.count('newConnection', 'refused'), `${index}: ${load.tally}`).toBe(0)
  }
  const tally = await load.stop()
  expectOnlyCut(tally, pids.length * 8)
  await allAnswer(run.target, await nextPids(run, pids))
  await run.stop()
})

test('a UDP socket: both answer, and every datagram is, across reloads and with one worker fewer', async () => {
  const run = await startRun('udp-echo.mjs', { flags })
  const pids = await run.workersServe(2)
  const load = new UdpLoad(run.target.port ?? 0)
  const answer = (some: readonly number[]) =>
    until(`${some} answer`, () => some.every((pid) => load.tally.pids.has(`${pid}`)))
  await answer(pids)

  for (const reload of [[], ['--parallel']]) {
    const { exitCode, text } = await run.reload(...reload)
    expect(exitCode, text).toBe(0)
    await answer(await run.workersServe(2))
  }
  const two = await nextPids(run, pids)
  const fewer = await run.reload('--workers', '1', '--wait', 'exit')
  expect(fewer.exitCode, fewer.text).toBe(0)
  for (const pid of two) await gone(pid)
  await answer(await run.workersServe(1))

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
})
