import { spawn } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { ListenersFile, type Places, placesOf } from '../../support/listeners-file.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { type Run, startRun } from '../../support/run.ts'

/** Asks each listener once and gives the process that answered. */
async function pidsAt(places: Places): Promise<Record<string, string | undefined>> {
  const replies = Object.entries(places).map(async ([name, target]) => {
    const reply = await send(target, { path: '/', text: name })
    return [name, reply.kind === 'ok' ? reply.pid : reply.detail]
  })
  return Object.fromEntries(await Promise.all(replies))
}

async function reloadAndFind(run: Run): Promise<{ places: Places; pid: number }> {
  const from = run.output.lines.length
  await run.reloadWell()
  return { pid: await run.listening(from), places: await placesOf(run, from) }
}

test('TCP listeners of every family keep their address and port', async () => {
  const host = '127.0.0.1'
  const listeners = new ListenersFile([
    { name: 'v4', host, port: await freePort() },
    { name: 'port 0', host, port: 0 },
    { name: 'port 0 again', host, port: 0 },
    { name: 'v6', host: '::1', port: 0 },
    { name: 'v6 only', host: '::', port: 0, ipv6Only: true },
    { name: 'dual stack', host: '::', port: 0 },
    { name: 'every address', port: 0 },
    { name: 'localhost', host: 'localhost', port: 0 },
  ])
  const run = await startRun('listeners.mjs', { env: listeners.env })
  const places = await placesOf(run)
  const loads = Object.values(places).map((target) => new Load(target, { newConnection: 1 }))

  for (let i = 0; i < 3; i++) {
    const after = await reloadAndFind(run)
    expect(after.places).toEqual(places)
    expect(new Set(Object.values(await pidsAt(places)))).toEqual(new Set([`${after.pid}`]))
  }

  for (const load of loads) {
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
  }
  const v4 = { host, port: places['dual stack']?.port ?? 0 }
  expect(await send(v4, { path: '/' })).toMatchObject({ kind: 'ok', text: 'dual stack' })
  await run.stop()
})

test('a Unix path stays while generations change and goes at the real stop', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-path-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'app.sock')
  const listeners = new ListenersFile([{ name: 'path', path }])
  const run = await startRun('listeners.mjs', { env: listeners.env, flags: ['--probation', '0s'] })
  const { ino } = lstatSync(path)
  const load = new Load({ socketPath: path })

  for (let i = 1; i <= 5; i++) {
    await load.answeredBy(i)
    await run.reload('--wait', 'exit')
  }
  await load.answeredBy(6)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, `${tally}`).toBe(6)
  expect(lstatSync(path).ino).toBe(ino)
  await run.stop()
  expect(existsSync(path)).toBe(false)
})

test('a Unix path that a killed server left is bound anew', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-path-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'app.sock')
  const listenAndDie = `
    require('node:http').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))
  `
  const killed = spawn(process.execPath, ['-e', listenAndDie, path])
  await new Promise((resolve) => killed.on('close', resolve))
  expect(existsSync(path)).toBe(true)

  const listeners = new ListenersFile([{ name: 'path', path }])
  const run = await startRun('listeners.mjs', { env: listeners.env })

  expect((await send({ socketPath: path }, { path: '/' })).kind).toBe('ok')
  await run.stop()
})

test('the new process may add, drop and move listeners', async () => {
  const host = '127.0.0.1'
  const [moved, to] = [await freePort(), await freePort()]
  const stays = { name: 'stays', host, port: 0 }
  const listeners = new ListenersFile([
    stays,
    { name: 'dropped', host, port: await freePort() },
    { name: 'moves', host, port: moved },
  ])
  const run = await startRun('listeners.mjs', { env: listeners.env })
  const before = await placesOf(run)
  const load = new Load(before.stays ?? {})

  listeners.become([{ name: 'moves', host, port: to }, stays, { name: 'added', host, port: 0 }])
  const { places, pid } = await reloadAndFind(run)

  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(await pidsAt(places)).toEqual({ moves: `${pid}`, stays: `${pid}`, added: `${pid}` })
  expect(places.stays).toEqual(before.stays)
  // Nobody claimed these two: they refuse, they do not swallow.
  await run.output.waitFor(new RegExp(`127\\.0\\.0\\.1:${moved}`))
  for (const target of [before.dropped, before.moves]) {
    expect(await send(target ?? {}, { path: '/' })).toMatchObject({ kind: 'refused' })
  }
  await run.stop()
})

test('Fastify without a host keeps both addresses of localhost', async () => {
  const preload = fileURLToPath(
    new URL('../../fixtures/localhost-has-two-addresses.cjs', import.meta.url),
  )
  const run = await startRun('fastify-localhost.ts', {
    env: { NODE_OPTIONS: `--require ${preload}` },
  })
  const { port = 0 } = run.target
  const loads = ['127.0.0.1', '::1'].map((host) => new Load({ host, port }, { newConnection: 4 }))

  for (let i = 1; i <= 3; i++) {
    for (const load of loads) await load.answeredBy(i)
    await run.reloadWell()
  }
  for (const load of loads) {
    await load.answeredBy(4)
    const tally = await load.stop()
    expect(tally.failed, `${tally}`).toBe(0)
    expect(tally.pids.size, `${tally}`).toBe(4)
  }
  await run.stop()
})
