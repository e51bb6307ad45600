// How a process ended and why: by its last words, or by what its end alone tells.

import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { recordStderr, StderrTail } from '../../../../packages/handoff/src/preload/stderr-tail.ts'
import {
  type Exit,
  endText,
} from '../../../../packages/handoff/src/supervisor/registry/process-exit.ts'
import type { ProcessRecord } from '../../../../packages/handoff/src/supervisor/registry/registry.ts'
import { withServing } from '../../../../packages/handoff/src/supervisor/text/announcements.ts'

test.each([
  ['it failed', 'it failed. No process serves.'],
  ['it failed. See its output.', 'it failed. See its output. No process serves.'],
  ['did it?', 'did it? No process serves.'],
])('between %j and who serves then there is one stop', (message, text) => {
  expect(withServing(message, 'none')).toBe(text)
})

test('a process that serves, but says nothing, is not said to serve on', () => {
  const old = { pid: 10, generation: 1 } as ProcessRecord
  expect(withServing('it failed', 'old', old, 4_500)).toContain('(pid 10) serves on.')
  expect(withServing('it failed', 'old', old, 62_000)).toMatch(
    /sent no report for 62 s\. To start it again: `kill -9 10`/,
  )
})

const code = (code: number): Exit => ({ code, signal: null })
const signal = (signal: NodeJS.Signals): Exit => ({ code: null, signal })

test.each<[Exit | undefined, string | undefined, RegExp]>([
  [code(1), 'Error: bad luck', /^exited with code 1: Error: bad luck$/],
  [code(1), undefined, /^exited with code 1$/],
  [code(0), undefined, /^exited with code 0$/],
  [code(13), undefined, /^exited with code 13: .*await/],
  [signal('SIGTERM'), undefined, /^was killed by SIGTERM$/],
  [signal('SIGABRT'), undefined, /^was killed by SIGABRT: Node\.js aborted.*memory/],
  [code(134), undefined, /^exited with code 134: Node\.js aborted.*memory/],
  [signal('SIGABRT'), 'Error: as asked', /^was killed by SIGABRT: Error: as asked$/],
  [signal('SIGSEGV'), undefined, /^was killed by SIGSEGV: .*native code/],
  [signal('SIGKILL'), undefined, /^was killed by SIGKILL: by a person, or by the kernel.*dmesg/],
  [signal('SIGKILL'), 'Error: survived', /^was killed by SIGKILL: by a person/],
  [undefined, undefined, /^has ended$/],
])('%j after %j', (exit, words, text) => {
  expect(endText(exit, words)).toMatch(text)
})

test('the last words are lines with something in them, without colours and frames', () => {
  const tail = new StderrTail()
  expect(tail.summary).toBeUndefined()
  tail.push('\n')
  expect(tail.summary).toBeUndefined()
  tail.push('one\n\u001b[31mtw')
  tail.push(Buffer.from('o\u001b[39m\n'))
  tail.push('Error: no database\n    at main (server.js:3:1)\n\n')
  tail.push({})
  expect(tail.summary).toBe('last on stderr: one | two | Error: no database')
})

test('however much was written, they are few', () => {
  const tail = new StderrTail()
  for (let line = 1; line <= 10_000; line++) tail.push(`line ${line}\n`)
  tail.push(`${'x'.repeat(100_000)}\nthe end`)
  expect(tail.summary).toMatch(/^last on stderr: …x{590} \| the end$/)
  const few = new StderrTail()
  for (let line = 1; line <= 100; line++) few.push(`line ${line}\n`)
  expect(few.summary).toMatch(/^last on stderr: line 93 \| .* line 100$/)
})

test('a program finds stderr as it is, opened when it first asks', () => {
  let opened = 0
  const stream = new PassThrough({ encoding: 'utf8' })
  const host = Object.defineProperty({}, 'stderr', {
    configurable: true,
    enumerable: true,
    get() {
      opened++
      return stream
    },
  }) as NodeJS.Process
  const original = Object.getOwnPropertyDescriptor(host, 'stderr')
  const tail = new StderrTail()
  recordStderr(tail, host)
  expect(opened).toBe(0)

  let written = false
  const done = () => {
    written = true
  }
  expect(host.stderr.write('no database\n', done)).toBe(true)
  host.stderr.write('sorry\n')
  expect(stream.read()).toBe('no database\nsorry\n')
  expect(host.stderr).toBe(stream)
  expect(Object.getOwnPropertyDescriptor(host, 'stderr')).toEqual(original)
  expect(tail.summary).toBe('last on stderr: no database | sorry')
  return expect.poll(() => written).toBe(true)
})

test('one that cannot be followed is left alone', () => {
  const host = Object.freeze({ stderr: new PassThrough() }) as unknown as NodeJS.Process
  expect(() => recordStderr(new StderrTail(), host)).not.toThrow()
})
