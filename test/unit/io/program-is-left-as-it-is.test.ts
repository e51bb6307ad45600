// The door to the program that shares the process with a preload.

import { expect, onTestFinished, test, vi } from 'vitest'
import { realProgram, realSystem } from '../../../packages/handoff/src/io/system/system.ts'

test('listeners of the program are told from ours, and can be called', () => {
  const own = vi.fn()
  const once = vi.fn()
  const undo = [
    realSystem.onSignal(['SIGUSR2'], () => {}),
    realProgram.onSignal(['SIGUSR2'], () => {}),
  ]
  process.on('SIGUSR2', own)
  process.once('SIGUSR2', once)
  onTestFinished(() => {
    process.off('SIGUSR2', own)
    for (const restore of undo) restore()
  })
  const listeners = realProgram.listeners('SIGUSR2')
  expect(listeners).toHaveLength(2)
  for (const listener of listeners) listener()
  expect(own.mock.calls).toEqual([['SIGUSR2', expect.any(Number)]])
  expect(once).toHaveBeenCalledOnce()
  expect(realProgram.listeners('SIGUSR2'), 'once is once').toHaveLength(1)
})

test('ours come first', () => {
  const order: string[] = []
  const program = () => void order.push('program')
  process.on('SIGUSR2', program)
  const undo = realProgram.onSignal(['SIGUSR2'], () => void order.push('ours'))
  onTestFinished(() => void process.off('SIGUSR2', program))
  process.emit('SIGUSR2', 'SIGUSR2')
  undo()
  process.emit('SIGUSR2', 'SIGUSR2')
  expect(order).toEqual(['ours', 'program', 'program'])
})

test('what it sends to its parent is heard, and arrives', () => {
  const { send } = process
  const parent = vi.fn(() => true)
  process.send = parent
  onTestFinished(() => {
    if (send === undefined) delete process.send
    else process.send = send
  })
  const heard = vi.fn()
  const undo = realProgram.onSend(heard)
  const callback = () => {}
  expect(process.send?.('ready', callback)).toBe(true)
  expect(heard.mock.calls).toEqual([['ready']])
  expect(parent.mock.calls).toEqual([['ready', callback]])
  undo()
  expect(process.send).toBe(parent)
})

test('without a parent it can send all the same, and is told that it has', async () => {
  const { send } = process
  delete process.send
  onTestFinished(() => {
    if (send !== undefined) process.send = send
  })
  const heard = vi.fn()
  const undo = realProgram.onSend(heard)
  const sent = new Promise((resolve) => process.send?.('ready', undefined, undefined, resolve))
  expect(await sent).toBeNull()
  expect(heard.mock.calls).toEqual([['ready']])
  undo()
  expect('send' in process).toBe(false)
})

test('flags of the preload are taken out of execArgv, and no others', () => {
  const before = process.execArgv
  onTestFinished(() => {
    process.execArgv = before
  })
  process.execArgv = [
    '--import',
    'ours',
    '--inspect',
    '--import=ours',
    '--import',
    'theirs',
    '-r',
    'x',
  ]
  const { execArgv } = process
  realProgram.withholdFlags((preload) => preload === 'ours')
  expect(execArgv).toEqual(['--inspect', '--import', 'theirs', '-r', 'x'])
})
