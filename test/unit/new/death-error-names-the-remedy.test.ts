// A new process that ends by a failed listen says which process has the address.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { errorOfDeath } from '../../../packages/handoff/src/new/death-error.ts'
import { hasProc } from '../../support/process-facts.ts'

function listenError(code: string, port?: number) {
  const error = new Error(`listen ${code}: address already in use`)
  return Object.assign(error, { code, syscall: 'listen', ...(port === undefined ? {} : { port }) })
}
const dies = (error: unknown, serving: 'old' | 'none' = 'old') =>
  errorOfDeath({ code: 1, exception: { error } }, undefined, serving)

test('an error of another kind is told as it is, with the place where it was thrown', () => {
  const place = expect.stringMatching(
    /cannot take over: RangeError: far \(\/.*remedy\.test\.ts:\d+\)/,
  )
  expect(dies(new RangeError('far')).message).toEqual(place)
  expect(dies(listenError('EACCES')).message).not.toContain('listens there')
  expect(dies(new Error('no database'))).toMatchObject({ code: 'ERR_HANDOFF_APP_FAILED' })
})

test('without a port, or a process that has it, the help is how to find out', () => {
  for (const error of [listenError('EADDRINUSE'), listenError('EADDRINUSE', 1)]) {
    expect(dies(error)).toMatchObject({ code: 'ERR_HANDOFF_LISTEN_FAILED', serving: 'old' })
    expect(dies(error).message).toMatch(/or the old process on one that overlaps; ss -lntup/)
    expect(dies(error, 'none').message).toMatch(/another program listens there; ss -lntup/)
  }
})

test.runIf(hasProc)('another program is named with its pid', async () => {
  const script =
    "require('net').createServer().listen(0, function () { console.log(this.address().port) })"
  const env = { ...process.env, HANDOFF_RENDEZVOUS: undefined }
  const child = spawn(process.execPath, ['-e', script], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { message } = dies(listenError('EADDRINUSE', Number(line)))
  expect(message).toMatch(
    new RegExp(`another program listens there: .*node.*, pid ${child.pid}\\)`),
  )
})
