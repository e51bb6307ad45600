// A process of an earlier supervisor may write compiled code while the next supervisor removes it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeCache } from '../../../../packages/handoff/src/supervisor/place/remove-cache.ts'
import { scratchDirectory } from '../../../support/scratch.ts'

/** Writes files without end, as fast as it can. */
const writer = `
  const { writeFileSync } = require('node:fs')
  for (let n = 0; ; n++) {
    try {
      writeFileSync(process.argv[1] + '/' + (n % 1000), '')
    } catch {
      break // The directory is no more.
    }
    if (n === 0) process.stdout.write('writes')
  }`

test('what is written meanwhile stays, and the supervisor goes on', async () => {
  for (let round = 0; round < 5; round++) {
    const cache = join(scratchDirectory(), 'code-cache')
    mkdirSync(cache)
    for (let n = 0; n < 100; n++) writeFileSync(join(cache, `old ${n}`), '')
    const child = spawn(process.execPath, ['-e', writer, cache], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    removeCache(cache)
    expect(existsSync(join(cache, 'old 99'))).toBe(false)
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    removeCache(cache)
    expect(existsSync(cache)).toBe(false)
  }
})

test('another error is one', () => {
  const file = join(scratchDirectory(), 'file')
  writeFileSync(file, '')
  expect(() => removeCache(join(file, 'code-cache'))).toThrow(/ENOTDIR/)
})
