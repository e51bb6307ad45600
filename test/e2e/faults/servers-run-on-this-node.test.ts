import { readlinkSync, realpathSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'

test.skipIf(!hasProc)(
  'supervisor and generations run on the Node.js of this test (Linux)',
  async () => {
    const run = await startRun('http-server.mjs')
    await run.reloadWell()
    const executables = run.processes().map((pid) => readlinkSync(`/proc/${pid}/exe`))
    expect(executables.length).toBeGreaterThanOrEqual(2)
    expect(new Set(executables)).toEqual(new Set([realpathSync(process.execPath)]))
    await run.stop()
  },
)
