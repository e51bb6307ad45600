// Listeners of ours to the process: the program neither counts nor removes them.

import { EventEmitter } from 'node:events'
import { beforeEach, expect, test, vi } from 'vitest'
import { HiddenListeners } from '../../../packages/handoff/src/io/node/hidden-listeners.ts'

/** An emitter as the process is one: on a prototype of its own, with listeners of Node.js's. */
function emitter() {
  const one = Object.setPrototypeOf(new EventEmitter(), Object.create(EventEmitter.prototype))
  const watched = new Set<string>()
  one.on('newListener', (name: string) => watched.add(name))
  one.on('removeListener', (name: string) => {
    if (one.listenerCount(name) === 0) watched.delete(name)
  })
  return { one: one as EventEmitter, watched, unseen: new HiddenListeners(one) }
}

let subject: ReturnType<typeof emitter>
beforeEach(() => {
  subject = emitter()
})

test('they are called, and not seen', () => {
  const { one, unseen } = subject
  const ours = vi.fn()
  const undo = unseen.add('exit', ours)
  expect(one.listenerCount('exit')).toBe(0)
  expect([one.listeners('exit'), one.rawListeners('exit')]).toEqual([[], []])
  expect(one.eventNames()).not.toContain('exit')
  const own = () => {}
  one.on('exit', own)
  expect(one.listenerCount('exit')).toBe(1)
  expect(one.listeners('exit')).toEqual([own])
  expect(one.eventNames()).toContain('exit')
  one.emit('exit', 3)
  expect(ours.mock.calls).toEqual([[3]])
  undo()
  undo()
  one.emit('exit', 3)
  expect(ours).toHaveBeenCalledOnce()
  expect(one.listeners('exit')).toEqual([own])
})

test('nobody hears of their coming and going', () => {
  const { one, unseen } = subject
  const heard = vi.fn()
  one.on('removeListener', heard)
  one.on('newListener', heard)
  unseen.add('exit', () => {})()
  unseen.add('SIGTERM', () => {})()
  expect(heard).not.toHaveBeenCalled()
  one.on('exit', () => {})
  expect(heard).toHaveBeenCalledOnce()
})

test('they stay when the program removes all listeners', () => {
  const { one, unseen } = subject
  const ours = vi.fn()
  const signal = vi.fn()
  unseen.add('exit', ours)
  unseen.add('SIGTERM', signal)
  one.on('exit', () => expect.unreachable('it was removed'))
  one.removeAllListeners('exit')
  one.removeAllListeners()
  one.emit('exit')
  one.emit('SIGTERM')
  expect([ours.mock.calls.length, signal.mock.calls.length]).toEqual([1, 1])
})

test.each([
  ['first', true, ['ours', 'program']] as const,
  ['last', false, ['program', 'ours']] as const,
])('they are called %s, whenever the program adds its own', (_, first, order) => {
  const { one, unseen } = subject
  const called: string[] = []
  unseen.add('SIGTERM', () => called.push('ours'), first)
  one.on('SIGTERM', () => called.push('program'))
  one.emit('SIGTERM')
  expect(called).toEqual(order)
})

test('a signal is watched as long as one of either listens', () => {
  const { one, unseen, watched } = subject
  const undo = unseen.add('SIGTERM', () => {})
  expect([...watched]).toContain('SIGTERM')
  one.once('SIGTERM', () => {})
  one.emit('SIGTERM')
  expect(one.listenerCount('SIGTERM')).toBe(0)
  expect([...watched]).toContain('SIGTERM')
  const own = () => {}
  one.on('SIGTERM', own)
  undo()
  expect([...watched]).toContain('SIGTERM')
  one.off('SIGTERM', own)
  expect([...watched]).not.toContain('SIGTERM')
})

test('they do not count for the limit at which Node.js warns', () => {
  const { one, unseen } = subject
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (let i = 0; i < 3; i++) unseen.add('exit', () => {})
  for (let i = 0; i < 10; i++) one.on('exit', () => {})
  expect(warn).not.toHaveBeenCalled()
  one.on('exit', () => {})
  expect(warn).toHaveBeenCalledOnce()
  expect(one.getMaxListeners()).toBe(10)
  warn.mockRestore()
})

test('what is replaced looks as before', () => {
  const { one } = subject
  for (const name of ['on', 'off', 'listenerCount', 'removeAllListeners'] as const) {
    expect(Object.hasOwn(one, name)).toBe(false)
    expect([one[name].name, one[name].length]).toEqual([
      EventEmitter.prototype[name].name,
      EventEmitter.prototype[name].length,
    ])
  }
})
