import { execFile, execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scratchDirectory } from '../../support/scratch.ts'

const root = fileURLToPath(new URL('../../../packages/handoff', import.meta.url))
const { bin, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

test('it is executable, and runs what was built', () => {
  const printed = execFileSync(join(root, bin.handoff), ['--version'], { encoding: 'utf8' })
  expect(printed.trim()).toBe(version)
})

test('where nothing was built it says what to run, and fails', async () => {
  const copy = join(scratchDirectory(), 'bin')
  cpSync(join(root, 'bin'), copy, { recursive: true })
  const [code, stderr] = await new Promise<[unknown, string]>((resolve) => {
    execFile(join(copy, 'handoff.mjs'), ['status'], (error, _, text) => {
      resolve([error?.code, text])
    })
  })
  expect(stderr).toMatch(/^handoff: it is not built yet\. Run `npm run build` .*\.\n$/)
  expect(code).toBe(1)
})
