// `handoff upgrade`: the supervisor is another program of the same pid, and nobody else notices.

import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { makeRelease, upgradeBy } from '../../support/release.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

/** The files of the command of a release. */
function bundlesOf(release: string): string[] {
  const folder = join(release, 'dist/bundles/cli')
  return readdirSync(folder).map((name) => join(folder, name))
}

async function post(run: Run, path: string) {
  const socketPath = join(run.directory, run.name, 'control.sock')
  const outgoing = request({ socketPath, path, method: 'POST' }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { statusCode: response.statusCode, body: await json(response) }
}

test('no client and no server notices, however often', async () => {
  const run = await startRun('http-server.mjs')
  const { pid, serving } = await run.status()
  const load = new Load(run.target, { newConnection: 8, keepAlive: 8 })
  await load.more(200)
  for (const version of ['7.0.1', '7.0.2']) {
    const { exitCode, output } = await upgradeBy(makeRelease(version).command, run)
    expect(output).toContain(`(pid ${pid}) is release ${version}, in place of`)
    expect(exitCode).toBe(0)
    expect(await run.status()).toMatchObject({ pid, serving, release: version, generation: 1 })
    await load.more(200)
  }
  const { exitCode, text } = await run.reload()
  expect(exitCode, text).toBe(0)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  // Started by the first release, and waited for by the third.
  await until('the old process has gone', async () => (await run.status()).processes.length === 1)
  await run.stop()
  expect(`${run.output}`).toMatch(/the supervisor is release 7\.0\.2 now, in place of 7\.0\.1/)
})

test('the next release knows how a server ends that the one before has started', async () => {
  const run = await startRun('http-server.mjs')
  const { serving } = await run.status()
  expect((await upgradeBy(makeRelease('7.0.1').command, run)).exitCode).toBe(0)
  const load = new Load(run.target, { newConnection: 8 })
  await load.more(50)
  process.kill(Number(serving), 'SIGKILL')
  await run.output.waitFor(new RegExp(`generation 1 \\(pid ${serving}\\) was killed by SIGKILL`))
  await until('the next one serves', async () => (await run.status()).generation === 2)
  await load.more(50)
  const tally = await load.stop()
  expect(tally.total('refused')).toBe(0)
  await run.stop()
})

test('all workers go along', async () => {
  const run = await startRun('http-server.mjs', { flags: ['--workers', '2'] })
  await run.workersServe(2)
  const before = await run.status()
  const { output } = await upgradeBy(makeRelease('7.0.1').command, run, '--json')
  expect(JSON.parse(output)).toEqual({
    ok: true,
    name: run.name,
    pid: before.pid,
    release: '7.0.1',
    replaces: before.release,
  })
  const after = await run.status()
  expect(after.workers).toEqual(before.workers)
  expect((await run.reload()).exitCode).toBe(0)
  expect((await run.status()).workers.map(({ generation }) => generation)).toEqual([2, 2])
  await run.stop()
})

test.each([
  [
    'a release that does not start',
    (path: string) => {
      for (const file of bundlesOf(path)) rmSync(file)
    },
  ],
  [
    'one that cannot read what this one leaves',
    (path: string) => {
      for (const file of bundlesOf(path)) {
        const text = readFileSync(file, 'utf8')
        writeFileSync(file, text.replace('snapshotVersion = 1', 'snapshotVersion = 2'))
      }
    },
  ],
])('%s is refused, and the supervisor goes on', async (_what, spoil) => {
  const run = await startRun('http-server.mjs')
  const before = await run.status()
  const { path } = makeRelease('7.0.1')
  spoil(path)
  const query = new URLSearchParams({
    command: join(path, 'dist/cli/main.js'),
    node: process.execPath,
  })
  const { statusCode, body } = await post(run, `/upgrade?${query}`)
  expect(statusCode).toBe(409)
  expect(body).toMatchObject({
    code: 'ERR_HANDOFF_UPGRADE',
    message: expect.stringMatching(/cannot resume this run: .*The supervisor goes on as it was\./),
  })
  expect(await run.status()).toMatchObject({ pid: before.pid, release: before.release })
  expect((await run.reload()).exitCode).toBe(0)
  await run.stop()
})
