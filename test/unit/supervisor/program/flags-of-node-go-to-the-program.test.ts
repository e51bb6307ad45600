// Which flags of Node.js are the program's, wherever an operator has written them.

import { expect, test } from 'vitest'
import { makeCommandLine } from '../../../../packages/handoff/src/cli/command-line.ts'
import { markNodeFlags, misplacedOptions } from '../../../../packages/handoff/src/cli/node-flags.ts'
import {
  joinNodeOptions,
  partFlags,
  splitNodeOptions,
} from '../../../../packages/handoff/src/supervisor/program/node-options.ts'
import {
  environmentFiles,
  programFlags,
  withoutProgramFlags,
} from '../../../../packages/handoff/src/supervisor/program/own-flags.ts'

test.each([
  ['', []],
  ['  --a   --b=1 ', ['--a', '--b=1']],
  ['--require "./a b.js" --c', ['--require', './a b.js', '--c']],
  ['--require="./a \\"b\\\\.js"', ['--require=./a "b\\.js']],
  ['-r C:\\x\\y.js', ['-r', 'C:\\x\\y.js']],
])('NODE_OPTIONS=%s is read as Node.js reads it', (text, flags) => {
  expect(splitNodeOptions(text)).toEqual(flags)
  expect(splitNodeOptions(joinNodeOptions(flags))).toEqual(flags)
})

test("what loads something or opens a port is the program's; limits and switches are for both", () => {
  expect(
    partFlags([
      ...['--max-old-space-size=100', '--import', './a.mjs', '--inspect=0', '-r', 'x'],
      ...['--env-file=.env', '--enable-source-maps', '--conditions', 'dev', '--loader=./l.mjs'],
      ...['--experimental_loader=./m.mjs'],
    ]),
  ).toEqual({
    program: [
      ...['--import', './a.mjs', '--inspect=0', '-r', 'x', '--env-file=.env', '--loader=./l.mjs'],
      ...['--experimental_loader=./m.mjs'],
    ],
    rest: ['--max-old-space-size=100', '--enable-source-maps', '--conditions', 'dev'],
  })
})

test('a supervisor that was started with them is started again without, and the program gets all', () => {
  const env = { PATH: '/bin', NODE_OPTIONS: '-r "./a b.js" --max-old-space-size=100' }
  const execArgv = ['--env-file', '.env', '--enable-source-maps']
  const again = withoutProgramFlags({ execArgv, env })
  expect(again).toMatchObject({
    execArgv: ['--enable-source-maps'],
    env: { PATH: '/bin', NODE_OPTIONS: '--max-old-space-size=100' },
  })
  if (again === undefined) return
  const { flags, nodeOptions } = programFlags(again)
  expect(new Set(flags)).toEqual(new Set(execArgv))
  expect(nodeOptions).toBe(env.NODE_OPTIONS)
  expect(withoutProgramFlags(again)).toBeUndefined()
})

test('one without such flags goes on as it is', () => {
  const start = { execArgv: ['--enable-source-maps'], env: { NODE_OPTIONS: '--no-warnings' } }
  expect(withoutProgramFlags(start)).toBeUndefined()
  expect(programFlags(start)).toEqual({ flags: start.execArgv, nodeOptions: '--no-warnings' })
})

test('NODE_OPTIONS that held nothing else is not set at all', () => {
  const again = withoutProgramFlags({ execArgv: [], env: { NODE_OPTIONS: '--import=./a.mjs' } })
  expect(again?.env).not.toHaveProperty('NODE_OPTIONS')
})

test('the files of variables are those of both spellings', () => {
  expect(environmentFiles(['--env-file=.env', '--env-file-if-exists', 'b', '--x'])).toEqual([
    '.env',
    'b',
  ])
})

const run = makeCommandLine('0', () => {}).commands.find((command) => command.name() === 'run')
if (run === undefined) throw new Error('there is no command run')

test.each([
  [
    ['run', '--import', './t.mjs', '--name', 'x', '-r', 'y', '--inspect', 'server.js', '-r', 'z'],
    'run --node-flag=--import --node-flag=./t.mjs --name x --node-flag=-r --node-flag=y --node-flag=--inspect server.js -r z',
  ],
  [['run', '--env-file=.env', 'server.js'], 'run --node-flag=--env-file=.env server.js'],
  [['run', '--watch', '--watch-path', 'x', 'y'], 'run --watch --watch-path x y'],
  [['run', '--drain-timeout=1', 'server.js'], 'run --drain-timeout=1 server.js'],
  [['run', '--', '--import'], 'run -- --import'],
  [['status', '--import', 'x'], 'status --import x'],
])('handoff %j', (args, marked) => {
  expect(markNodeFlags(args, run).join(' ')).toBe(marked)
})

test('options of ours after the entry are found; those of the program are not', () => {
  expect(misplacedOptions(['--watch', '--port=1', '--workers=2', 'x'], run)).toEqual([
    '--watch',
    '--workers=2',
  ])
})
