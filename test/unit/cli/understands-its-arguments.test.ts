import { availableParallelism } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
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

/** The options of `run`, as they are read with this `HANDOFF_TLS`. */
function runWith(variable: string | undefined, args: readonly string[]): unknown {
  vi.stubEnv('HANDOFF_TLS', variable)
  onTestFinished(() => void vi.unstubAllEnvs())
  const program = makeCommandLine('1.2.3', () => {})
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: () => {} })
  }
  const seen: unknown[] = []
  const run = program.commands.find((command) => command.name() === 'run')
  run?.action((_entry, _args, options) => void seen.push(options.tls))
  program.parse(['run', ...args, 'server.js'], { from: 'user' })
  return seen[0]
}

test('keys stay in their process if the environment of the command says so', () => {
  expect(runWith(undefined, [])).toBeUndefined()
  expect(runWith('', [])).toBeUndefined()
  expect(runWith('close', [])).toBe('close')
  expect(runWith('close', ['--tls', 'move'])).toBe('move')
  expect(() => runWith('clsoe', [])).toThrow(
    "'clsoe' from env 'HANDOFF_TLS' is invalid. Allowed choices are move, close.",
  )
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
