// An open listener keeps its port: the supervisor has those that the serving process has, and no other.

import { openSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { bindTcp, bindUdp } from '../../../../packages/handoff/src/io/listeners/bind-socket.ts'
import {
  close,
  describe,
  dup,
  socketPair,
} from '../../../../packages/handoff/src/io/native/descriptors.ts'
import { storeNameOf } from '../../../../packages/handoff/src/protocol/store-names.ts'
import { ListenerStore } from '../../../../packages/handoff/src/supervisor/worker/start/listener-store.ts'
import type { HandoffEvent } from '../../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'
import { inode } from '../../../support/scratch.ts'

function open(inherited: ConstructorParameters<typeof ListenerStore>[0] = []): ListenerStore {
  const store = new ListenerStore(inherited)
  onTestFinished(() => store.close())
  return store
}

const tcp = () => bindTcp({ address: '127.0.0.1', port: 0 })
const names = (store: ListenerStore) => store.all.map(({ name }) => name)
const common = { pid: 1, generation: 1, elapsedMs: 0 }
const serving = (...listeners: string[]): HandoffEvent => ({
  ...common,
  type: 'serving',
  replaces: null,
  listeners,
})

test('keeps what is stored, under its name, in place of the one before', () => {
  const store = open()
  const [first, second] = [tcp(), tcp()]
  store.onReport({ store: 'a' }, [first])
  store.onReport({ store: 'b' }, [bindUdp({ address: '127.0.0.1', port: 0 })])
  const kept = inode(second)
  store.onReport({ store: 'a' }, [second])
  expect(names(store).sort()).toEqual(['a', 'b'])
  expect(store.all.filter(({ name }) => name === 'a').map(({ fd }) => inode(fd))).toEqual([kept])
  expect(() => describe(first)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('closes what is not to be kept any more', () => {
  const store = open()
  const fd = tcp()
  store.onReport({ store: 'a' }, [fd])
  store.onReport({ unstore: 'b' }, [])
  expect(names(store)).toEqual(['a'])
  store.onReport({ unstore: 'a' }, [])
  expect(names(store)).toEqual([])
  expect(() => describe(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test.each(['serving', 'taken-back'] as const)('at %s keeps only what that process has', (type) => {
  const store = open()
  for (const key of ['tcp:*:1', 'tcp:*:2']) store.onReport({ store: storeNameOf(key) }, [tcp()])
  const event =
    type === 'serving'
      ? serving('tcp:*:2', 'tcp:*:3')
      : ({
          ...common,
          type,
          code: 'ERR_HANDOFF_PEER_GONE',
          message: '',
          listeners: ['tcp:*:2', 'tcp:*:3'],
          connections: { back: 0, closed: 0 },
          fates: noFates,
        } as const)
  store.onReport({ event }, [])
  expect(names(store)).toEqual([storeNameOf('tcp:*:2')])
})

test('a listener on port 0 is known by its real port', () => {
  const store = open()
  const fd = tcp()
  const name = storeNameOf('tcp:127.0.0.1:0#1')
  store.onReport({ store: name }, [fd])
  store.onReport({ event: serving(`tcp:127.0.0.1:${describe(fd).port}`) }, [])
  expect(names(store)).toEqual([name])
  store.onReport({ event: serving('tcp:127.0.0.1:1') }, [])
  expect(names(store)).toEqual([])
})

test('takes nothing but a listener', () => {
  const store = open()
  const [one, two] = socketPair()
  for (const fd of [one, two, openSync('/dev/null', 'r')]) {
    expect(() => store.onReport({ store: 'a' }, [fd])).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' }),
    )
    expect(() => describe(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  }
  expect(names(store)).toEqual([])
})

test('takes one descriptor a name', () => {
  const store = open()
  const [first, second] = [tcp(), tcp()]
  store.onReport({ store: 'a' }, [first, second])
  expect(store.all).toEqual([{ name: 'a', fd: first }])
  expect(() => describe(second)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('a process that stops without a successor leaves nothing', () => {
  const store = open()
  store.onReport({ store: 'a' }, [tcp()])
  store.onReport({ stopping: true }, [])
  expect(names(store)).toEqual([])
})

test('what the supervisor itself was started with stays until the end', () => {
  const fd = tcp()
  const store = open([{ name: 'web.socket', fd }])
  store.onReport({ store: storeNameOf('tcp:*:1') }, [dup(fd)])
  store.onReport({ event: serving() }, [])
  store.onReport({ stopping: true }, [])
  expect(store.all).toEqual([{ name: 'web.socket', fd }])
  store.close()
  expect(() => describe(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('after the end nothing is kept', () => {
  const store = open()
  store.close()
  const fd = tcp()
  store.onReport({ store: 'a' }, [fd])
  expect(names(store)).toEqual([])
  expect(() => describe(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('keeps no socket that a process could not inherit as a listener', () => {
  const store = open()
  const [first, second] = socketPair('dgram')
  onTestFinished(() => close(second))
  expect(() => store.onReport({ store: 'a' }, [first])).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' }),
  )
  expect(names(store)).toEqual([])
  expect(() => describe(first)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
