import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import {
  duration,
  positiveDuration,
  runName,
  watchdogDuration,
  workerCount,
} from '../../../packages/handoff/src/cli/arguments.ts'
import { makeCommandLine } from '../../../packages/handoff/src/cli/command-line.ts'

const notUnderstood = expect.objectContaining({ code: 'commander.invalidArgument' })

test('a duration is given in milliseconds', () => {
  expect(duration('2m')).toBe(120_000)
  expect(duration('0')).toBe(0)
  expect(() => duration('soon')).toThrow(notUnderstood)
})

test('a deadline of zero is refused', () => {
  expect(positiveDuration('1ms')).toBe(1)
  expect(() => positiveDuration('0s')).toThrow(notUnderstood)
  expect(watchdogDuration('0')).toBe(0)
  expect(watchdogDuration('2s')).toBe(2_000)
  expect(() => watchdogDuration('1999ms')).toThrow(notUnderstood)
})

test('a number of workers is from 1 to 1024, or one a core', () => {
  expect(workerCount('1024')).toBe(1024)
  expect(workerCount('max')).toBe(availableParallelism())
  for (const text of ['0', '-1', '1.5', '1025', '1e2', 'x', '']) {
    expect(() => workerCount(text), text).toThrow(notUnderstood)
  }
})

test('a name is checked', () => {
  expect(runName('web')).toBe('web')
  expect(() => runName('../web')).toThrow(notUnderstood)
})

test('what follows the entry is the entry’s own', () => {
  const program = makeCommandLine('1.2.3', () => {})
  const run = program.commands.find((command) => command.name() === 'run')
  const seen: unknown[] = []
  run?.action((entry, args, options) => {
    seen.push(entry, args, options)
  })
  program.parse(
    ['run', '--drain-timeout', '5s', 'server.js', '--watch', '-x', '--', '--name', 'y'],
    {
      from: 'user',
    },
  )
  expect(seen).toEqual([
    'server.js',
    ['--watch', '-x', '--', '--name', 'y'],
    { drainTimeout: 5_000 },
  ])
})
