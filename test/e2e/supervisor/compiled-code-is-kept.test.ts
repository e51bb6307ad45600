// The supervisor keeps compiled code of this package for the generations to come, and leaves none behind.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Load } from '../../support/load/load.ts'
import { type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

const folderOf = ({ directory, name }: Run) => join(directory, name, 'code-cache')

/** Resolves with the files when all of them are there. */
function filesOf(run: Run): Promise<string[]> {
  return until('the compiled code is there', async () => {
    const files = existsSync(folderOf(run)) ? readdirSync(folderOf(run)) : []
    return files.includes('process+create.cjs.bin') && files
  })
}

test('after the first process serves; the next ones start from it', async () => {
  const run = await startRun('fastify-server.mjs')
  const files = await filesOf(run)
  expect(files).toContain('preload+main-thread.cjs.bin')
  expect(files.filter((file) => !file.endsWith('.bin'))).toEqual([])
  expect(statSync(folderOf(run)).mode & 0o077, 'other users may not enter').toBe(0)
  const load = new Load(run.target, { newConnection: 2, keepAlive: 2 })
  await load.answeredBy(1)
  await run.reloadWell()
  await load.answeredBy(2)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
  expect(existsSync(folderOf(run))).toBe(false)
})

test('code of V8 with other flags is compiled with these', async () => {
  const run = await startRun('fastify-server.mjs', {
    env: { NODE_OPTIONS: '--max-old-space-size=300' },
  })
  await filesOf(run)
  await run.reloadWell()
  await run.stop()
})

test('a run that stops meanwhile leaves nothing', async () => {
  const run = await startRun('fastify-server.mjs')
  await until('the folder is there', async () => existsSync(folderOf(run)))
  await run.stop()
  expect(existsSync(folderOf(run))).toBe(false)
})
