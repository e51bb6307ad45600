// The supervisor keeps dups of the listeners: whatever kills the server, its port stays open.

import { once } from 'node:events'
import net from 'node:net'
import { expect, test } from 'vitest'
import { ask } from '../../support/cli-project.ts'
import { FailureFile } from '../../support/failure-file.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { alive } from '../../support/process-facts.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** Waits for the generation after the one of this pid. */
async function nextAfter(run: Run, pid: number): Promise<number> {
  const lines = run.output.lines
  const from = lines.findLastIndex((line) => line.startsWith(`listening ${pid} `)) + 1
  return await run.listening(from)
}

const clients = 16

test('kill -9 under load, three times: nobody is refused, and only who was being served fails', async () => {
  const run = await startRun('http-server.mjs')
  const { port } = run.target
  const load = new Load(run.target, { newConnection: clients })
  let pid = await run.listening()
  let longestMs = 0

  for (let crash = 1; crash <= 3; crash++) {
    await load.more(200)
    const before = load.tally.failed
    process.kill(pid, 'SIGKILL')
    await run.output.waitFor(new RegExp(`pid ${pid}\\) was killed by SIGKILL`))
    const next = await nextAfter(run, pid)
    await load.more(200)

    expect(run.target.port).toBe(port)
    expect(load.tally.count('newConnection', 'refused'), `${load.tally}`).toBe(0)
    // Each client has one connection at a time, and the dead process may have accepted that.
    expect(load.tally.failed - before, `${load.tally}`).toBeLessThanOrEqual(clients)
    longestMs = Math.max(longestMs, ...load.tally.durationsMs)
    expect(next).not.toBe(pid)
    pid = next
  }

  const tally = await load.stop()
  const cut = tally.count('newConnection', 'reset') + tally.count('newConnection', 'truncated')
  expect(tally.failed, `${tally}`).toBe(cut)
  console.log(
    `3 crashes: ${tally.requests} requests, ${cut} cut, longest wait ${longestMs.toFixed(0)} ms`,
  )
  await run.stop()
})

test('who waits in the queue of a process that dies is answered by the next one, without exception', async () => {
  const run = await startRun('http-server.mjs')
  const pid = await run.listening()
  // A stopped process accepts nothing; the kernel does.
  process.kill(pid, 'SIGSTOP')
  const waiting = Array.from({ length: 50 }, () => send(run.target, { path: '/' }))
  await connected(run.target.port ?? 0)

  process.kill(pid, 'SIGKILL')

  const next = await nextAfter(run, pid)
  for (const reply of await Promise.all(waiting)) {
    expect(reply).toMatchObject({ kind: 'ok', pid: String(next) })
  }
  await run.stop()
})

/** One more connection is in the queue: then those before it are. */
async function connected(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

test.each([
  ['an uncaught exception', 'throw', 'exited with code 1: Error: bad luck'],
  // Node aborts: v8::FatalProcessOutOfMemory.
  ['no memory left', 'allocate', 'was killed by SIGABRT|exited with code 134'],
])('%s: the port stays, the reason is told', async (_, way, reason) => {
  const run = await startRun('crashing-server.mjs', {
    env: { NODE_OPTIONS: '--max-old-space-size=48' },
  })
  const pid = await run.listening()
  const { port = 0 } = run.target

  const crash = send(run.target, { path: `/${way}` })
  await run.output.waitFor(new RegExp(`pid ${pid}\\) (${reason})`))
  // In the pause before the next start: the connection is made, and the answer comes later.
  expect(await ask(port)).toBe('hello\n')
  expect((await crash).kind).toBe('reset')

  expect(await nextAfter(run, pid)).not.toBe(pid)
  expect(run.target.port).toBe(port)
  await run.stop()
})

test('a server that cannot start is tried again and again, and its clients wait all the while', async () => {
  const failure = new FailureFile()
  const run = await startRun('crashing-server.mjs', { env: failure.env })
  const pid = await run.listening()
  const { port = 0 } = run.target
  failure.next('exit', 'import')

  process.kill(pid, 'SIGKILL')
  await run.output.waitFor(/starts again in 100 ms; clients wait until then/)
  const answer = ask(port)
  await run.output.waitFor(/starts again in 200 ms; clients wait until then/)
  failure.none()

  expect(await answer).toBe('hello\n')
  await run.stop()
})

test('a server that dies while its replacement boots is replaced all the same', async () => {
  const failure = new FailureFile()
  const run = await startRun('crashing-server.mjs', { env: failure.env })
  const pid = await run.listening()
  const { port } = run.target
  failure.next('killOther', 'import', pid)

  await run.reloadWell()

  expect(await nextAfter(run, pid)).not.toBe(pid)
  expect(run.target.port).toBe(port)
  expect(await ask(port ?? 0)).toBe('hello\n')
  expect(`${run.output}`).not.toMatch(/EADDRINUSE|starts again/)
  await run.stop()
})

test('a listener that the application closes is not kept', async () => {
  const run = await startRun('crashing-server.mjs')
  const pid = await run.listening()
  const [, second = ''] = await run.output.waitFor(/^second (\d+)/)

  await ask(run.target.port ?? 0, '/close')
  await closes(Number(second))

  process.kill(pid, 'SIGKILL')
  await nextAfter(run, pid)
  await run.stop()
})

test('an address that the application gives up is free at once, for itself too', async () => {
  const run = await startRun('crashing-server.mjs')
  const pid = await run.listening()
  const [, second = ''] = await run.output.waitFor(/^second (\d+)/)

  // EADDRINUSE, if the supervisor were to keep it a moment longer.
  expect(await ask(run.target.port ?? 0, '/again')).toBe('again\n')
  expect(await ask(Number(second))).toBe('hello\n')

  process.kill(pid, 'SIGKILL')
  expect(await isRefused(Number(second))).toBe(false)
  await nextAfter(run, pid)
  await run.stop()
})

test('a stop frees the port of a server that waits to start again', async () => {
  const failure = new FailureFile()
  const run = await startRun('crashing-server.mjs', { env: failure.env })
  const pid = await run.listening()
  failure.next('exit', 'import')
  process.kill(pid, 'SIGKILL')
  await run.output.waitFor(/starts again in 200 ms/)
  expect(await isRefused(run.target.port ?? 0)).toBe(false)

  await run.stop()

  expect(await isRefused(run.target.port ?? 0)).toBe(true)
})

test('a server that is told to stop refuses whoever comes, while it finishes what is under way', async () => {
  const run = await startRun('http-server.mjs')
  const pid = await run.listening()
  const { port = 0 } = run.target
  const slow = send(run.target, { path: '/slow?ms=2000' })
  // Answered after the other one was accepted.
  await ask(port)

  process.kill(pid, 'SIGTERM')

  await closes(port)
  expect(alive(pid), `${run.output}`).toBe(true)
  expect((await slow).kind).toBe('ok')
  await run.output.waitFor(/the server has ended by itself/)
})

/** Waits until nobody listens: who is in the queue at that moment is reset. */
async function closes(port: number): Promise<void> {
  await until('nobody listens there', () =>
    isRefused(port).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') return false
      throw error
    }),
  )
}

async function isRefused(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return true
    throw error
  } finally {
    socket.destroy()
  }
}
