// Errors that Node.js makes in a call of ours look as those that it makes in a call of the program.

import { expect, test } from 'vitest'
import {
  hideOwnFrames,
  removeOwnFrames,
} from '../../../packages/handoff/src/io/node/hide-own-frames.ts'

const ours = new URL('../../../packages/handoff/src/', import.meta.url).href

function errorWith(frames: readonly string[], message = 'listen EADDRINUSE'): Error {
  const error = new Error(message)
  error.stack = [`Error: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n')
  return error
}

const step = 'Server.setupListenHandle (node:net:1817:21)'
const program = 'Object.<anonymous> (/srv/server.js:3:8)'

test('our frames and those of Reflect.apply are taken out', () => {
  const error = errorWith([
    step,
    'Reflect.apply (<anonymous>)',
    `asOurs (${ours}io/listen-hook.js:77:5)`,
    `Server.hookedStep [as _listen2] (${ours}io/listen-hook.js:60:10)`,
    'listenInCluster (node:net:1865:12)',
    program,
  ])
  removeOwnFrames(error, 10)
  expect(error.stack?.split('\n')).toEqual([
    'Error: listen EADDRINUSE',
    '    at Server.setupListenHandle [as _listen2] (node:net:1817:21)',
    '    at listenInCluster (node:net:1865:12)',
    `    at ${program}`,
  ])
})

test('no more frames stay than the program asked for', () => {
  const error = errorWith([`ours (${ours}io/x.js:1:1)`, program, program, program])
  removeOwnFrames(error, 2)
  expect(error.stack?.split('\n')).toHaveLength(3)
})

test.each<[string, string | undefined]>([
  ['without frames', 'Error: none'],
  ['that is missing', undefined],
  ['of no text', ''],
])('a stack %s stays', (_, stack) => {
  const error = Object.assign(new Error('x'), { stack })
  removeOwnFrames(error, 10)
  expect(error.stack).toBe(stack)
})

test('a message of several lines stays whole', () => {
  const error = errorWith([program], 'one\n  two')
  const before = error.stack
  removeOwnFrames(error, 10)
  expect(error.stack).toBe(before)
})

test('an error that the step queues is cleaned, and all else is as before the step', async () => {
  const { nextTick } = process
  const { stackTraceLimit } = Error
  const queued = await new Promise<Error>((resolve) => {
    hideOwnFrames(() => {
      expect(Error.stackTraceLimit).toBeGreaterThan(stackTraceLimit)
      const error = new Error('queued')
      error.stack += `\n    at later (${ours}io/x.js:1:1)`
      process.nextTick(resolve, error)
    })
    expect(process.nextTick).toBe(nextTick)
    expect(Error.stackTraceLimit).toBe(stackTraceLimit)
  })
  expect(queued.stack).not.toContain(ours)
})

test('what the step throws comes through, and all else is as before the step', () => {
  const { nextTick } = process
  const { stackTraceLimit } = Error
  const thrown = new TypeError('thrown')
  const step = () => {
    throw thrown
  }
  expect(() => hideOwnFrames(step)).toThrow(thrown)
  expect(process.nextTick).toBe(nextTick)
  expect(Error.stackTraceLimit).toBe(stackTraceLimit)
})
