// A process in which TLS connections cannot move says so once, and has no movers for their servers.

import tls from 'node:tls'
import { afterEach, expect, test, vi } from 'vitest'
import { OptIns } from '../../../packages/handoff/src/connections/opt-ins.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'

afterEach(() => vi.restoreAllMocks())

test('without memory files', () => {
  vi.spyOn(loadNative(), 'createSecrets').mockReturnValue(-38)
  const warn = vi.fn()
  const optIns = new OptIns(warn, 'move')
  expect(warn).not.toHaveBeenCalled() // It matters to no server yet.
  const server = tls.createServer()
  expect(optIns.layerOf(server)).toBeUndefined()
  expect(optIns.layerOf(server)).toBeUndefined()
  expect(warn.mock.calls).toEqual([
    ['TLS connections cannot move: this system has no memory files (ENOSYS)'],
  ])
})

test.skipIf(process.platform !== 'linux')('on a kernel that does not count bytes', () => {
  vi.spyOn(loadNative(), 'reportsProgress').mockReturnValue(0)
  const warn = vi.fn()
  const optIns = new OptIns(warn, 'move')
  expect(optIns.layerOf(tls.createServer())).toBeUndefined()
  expect(warn.mock.calls).toEqual([
    [
      'TLS connections cannot move: this system does not count the bytes of a connection (Linux does from 4.19 on)',
    ],
  ])
})

test('if no socket can be opened to ask the kernel, they have a layer', () => {
  vi.spyOn(loadNative(), 'reportsProgress').mockReturnValue(-24)
  const warn = vi.fn()
  expect(new OptIns(warn, 'move').layerOf(tls.createServer())).toMatchObject({ secured: true })
  expect(warn).not.toHaveBeenCalled()
})

test('if the application or the operator forbids it, nothing is said', () => {
  const warn = vi.fn()
  expect(new OptIns(warn, 'close').layerOf(tls.createServer())).toBeUndefined()
  expect(warn).not.toHaveBeenCalled()
})

test('else they have a layer', () => {
  const warn = vi.fn()
  expect(new OptIns(warn, 'move').layerOf(tls.createServer())).toMatchObject({ secured: true })
  expect(warn).not.toHaveBeenCalled()
})
