// What operators are used to write becomes the program that it starts, or they are told what to write.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readCommand } from '../../../../packages/handoff/src/supervisor/program/command-words.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'handoff-unit-'))
  const scripts = {
    start: 'node --env-file=.env --import ./telemetry.mjs dist/server.js --port "30 00"',
    web: 'next start',
    all: 'npm run build && node server.js',
    production: 'NODE_ENV=production node server.js',
    dev: 'nodemon -w src server.js',
    again: 'npm start',
  }
  writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts }))
  writeFileSync(join(root, 'server.js'), '')
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const read = (command: string) => readCommand(command.split(' '), root)

test('a file is a file, with all that comes after it', () => {
  expect(read('server.js --watch')).toEqual({ entry: 'server.js', args: ['--watch'], flags: [] })
  writeFileSync(join(root, 'npm.js'), '')
  expect(read('npm start')).toEqual({ entry: 'npm', args: ['start'], flags: [] })
})

test('node and its flags are read off', () => {
  expect(read('node --import ./a.mjs --inspect server.js -x')).toEqual({
    entry: 'server.js',
    args: ['-x'],
    flags: ['--import', './a.mjs', '--inspect'],
  })
})

test.each(['npm start', 'npm run start', 'yarn start', 'pnpm start'])(
  '%s is its script',
  (text) => {
    expect(read(`${text} -- --verbose`)).toMatchObject({
      entry: 'dist/server.js',
      args: ['--port', '30 00', '--verbose'],
      flags: ['--env-file=.env', '--import', './telemetry.mjs'],
    })
  },
)

test('a script may be the command of a package', () => {
  expect(read('npm run web')).toMatchObject({ entry: 'next', args: ['start'] })
})

test.each([
  ['npm run all', /more than one program.*write the file that it starts/],
  ['npm run production', /NODE_ENV=production node server\.js.*variables before it/],
  ['npm run dev', /write `handoff run --watch server\.js`/],
  ['npm run again', /more than one program/],
  ['npm run none', /no script "none"/],
  ['node --watch server.js', /write `handoff run --watch server\.js`/],
  ['node -e 1', /-e is not for a server/],
  ['node', /names no file/],
  ['tsx src/server.ts --port 1', /write `handoff run src\/server\.ts --port 1`/],
])('%s says what to write', (text, message) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'ERR_HANDOFF_ENTRY' }))
  expect(() => read(text)).toThrow(message)
})
