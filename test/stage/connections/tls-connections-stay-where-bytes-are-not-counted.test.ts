// On a kernel that does not count the bytes of a connection (Linux before 4.19), TLS connections end as they do
// without moving: each client is asked to leave with the next response, and reconnects to the new process.

import { once } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { openPlace } from '../support/place.ts'
import { SecureClient } from '../support/secure-client.ts'
import { serveSecurely } from '../support/secure-server.ts'

beforeEach(() => {
  const native = loadNative()
  vi.spyOn(native, 'reportsProgress').mockReturnValue(0)
  vi.spyOn(native, 'readProgress').mockImplementation((_fds, progress) => {
    progress.fill(-1)
    return 0
  })
})
afterEach(() => vi.restoreAllMocks())

test('the next response says Connection: close, and the reason is reported once', async () => {
  const place = openPlace()
  const old = await serveSecurely(place)
  const clients = await Promise.all([1, 2].map(() => SecureClient.connect(old.server)))
  const [used] = clients as [SecureClient]
  const { pid } = old.generation.system
  expect(await used.ask()).toBe(`${pid} 0`)
  expect(used.heard).toMatch('Connection: keep-alive')

  const next = await serveSecurely(place)
  for (const client of clients) {
    const ended = once(client.socket, 'end')
    expect(await client.ask()).toBe(`${pid} 0`)
    expect(client.heard).toMatch('Connection: close')
    await ended
    expect(client.errors).toEqual([])
  }
  await old.generation.told('drained')
  expect(old.generation.all('warning').map(({ message }) => message)).toEqual([
    expect.stringMatching('TLS connections cannot move: this system does not count the bytes'),
  ])
  const other = await SecureClient.connect(next.server)
  expect(await other.ask()).toBe(`${next.generation.system.pid} 0`)
})
