// `npm run bench` lists its suites, runs one, and ends all that it started at Ctrl-C.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFailed, onTestFinished, test } from 'vitest'
import { Output } from '../../support/output.ts'
import { hasProc, startedWith } from '../../support/process-facts.ts'
import { scratchDirectory } from '../../support/scratch.ts'

const entry = fileURLToPath(new URL('../../../bench/run.ts', import.meta.url))

function bench(
  args: readonly string[],
  temporary: string,
): { child: ChildProcess; output: Output } {
  const child = spawn(process.execPath, ['--import', 'tsx', entry, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = new Output()
  for (const stream of [child.stdout, child.stderr]) if (stream) output.collect(stream)
  child.on('close', () => output.end())
  onTestFailed(() => console.error(`${output}`))
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, output }
}

test('the list has each suite with its options', async () => {
  const { child, output } = bench(['--list'], scratchDirectory())
  expect(await once(child, 'close')).toEqual([0, null])
  expect(output.lines).toContainEqual(expect.stringMatching(/^disturbance: /))
  expect(output.lines).toContain(
    '  --runs 1, with --full 5: runs of each peer, each with new processes',
  )
})

test('a suite prints a table, writes its results, and leaves nothing', async () => {
  const temporary = scratchDirectory()
  const json = join(scratchDirectory(), 'results.json')
  const flags = ['--peers', 'handoff', '--runs', '1', '--reloads', '1', '--json', json]
  const { child, output } = bench(['disturbance', ...flags], temporary)
  expect(await once(child, 'close'), `${output}`).toEqual([0, null])
  expect(output.lines).toContainEqual(expect.stringContaining('[disturbance 1/1] handoff'))
  expect(output.lines).toContainEqual(expect.stringMatching(/^handoff +[\d.,]+/))
  const { schema, suites } = JSON.parse(readFileSync(json, 'utf8'))
  expect(schema).toBe(1)
  expect(suites[0]).toMatchObject({ suite: 'disturbance', options: { runs: 1, reloads: 1 } })
  const [{ figures }] = suites[0].samples
  // That nothing is lost is for other tests, which wait longer than a client here does.
  expect(figures).toMatchObject({ newRatio: expect.any(Number), generation: expect.any(Number) })
  expect(figures.requests).toBeGreaterThan(1_000)
  expect(left(temporary)).toEqual([])
})

test.skipIf(!hasProc)('Ctrl-C ends all processes and removes all directories', async () => {
  const temporary = scratchDirectory()
  const json = join(scratchDirectory(), 'results.json')
  const { child, output } = bench(['back-to-back', '--peers', 'handoff', '--json', json], temporary)
  await output.waitFor(/\[back-to-back 1\/1\]/)
  // Its supervisor has written into the directory of the run.
  await expect.poll(() => left(temporary).length, { timeout: 20_000 }).toBeGreaterThan(0)
  child.kill('SIGINT')
  expect(await once(child, 'close'), `${output}`).toEqual([130, null])
  expect(left(temporary)).toEqual([])
  expect(startedWith('TMPDIR', temporary)).toEqual([])
})

/** The directories of runs that are left. */
function left(temporary: string): string[] {
  return readdirSync(temporary).filter((name) => name.startsWith('handoff-bench-'))
}
