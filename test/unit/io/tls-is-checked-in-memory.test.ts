// The check of `handoff doctor` finds that this process counts the records of TLS connections.

import { afterEach, expect, test, vi } from 'vitest'
import { checkTls } from '../../../packages/handoff/src/io/loopback/check-tls.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { countWatchedTls } from '../../../packages/handoff/src/io/native/tls-counts.ts'
import { until } from '../../support/until.ts'

afterEach(() => vi.restoreAllMocks())

test.skipIf(process.platform !== 'linux')('a Node.js with OpenSSL 3 can move them', async () => {
  expect(await checkTls()).toBeUndefined()
})

test.skipIf(process.platform !== 'linux')('a kernel that does not count bytes cannot', async () => {
  vi.spyOn(loadNative(), 'reportsProgress').mockReturnValue(0)
  expect(await checkTls()).toMatch('does not count the bytes')
})

test.skipIf(process.platform !== 'linux')(
  'the check leaves nothing behind, and can be repeated',
  async () => {
    await Promise.all([checkTls(), checkTls(), checkTls()])
    await until('its connections are freed', () => countWatchedTls() === 0)
  },
)
