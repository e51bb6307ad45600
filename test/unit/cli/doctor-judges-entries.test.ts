import { expect, test } from 'vitest'
import {
  checkDependencies,
  checkEntry,
  checkLibrary,
  checkScripts,
} from '../../../packages/handoff/src/cli/doctor/entry-checks.ts'
import type { EntryFacts } from '../../../packages/handoff/src/cli/doctor/entry-facts.ts'
import { note, ok, problem } from '../../../packages/handoff/src/cli/doctor/finding.ts'
import { findingLines } from '../../../packages/handoff/src/cli/doctor/finding-text.ts'
import { plain } from '../../../packages/handoff/src/cli/text/style.ts'

const facts: EntryFacts = {
  entry: 'server.js',
  name: 'web',
  trouble: undefined,
  loader: undefined,
  syntaxError: undefined,
  dependencies: [],
  installed: ['socket-handoff'],
  scripts: {},
}

test('an entry that cannot be started, or parsed, is a problem', () => {
  expect(checkEntry(facts)).toEqual(ok('server.js is found'))
  expect(checkEntry({ ...facts, loader: 'tsx' }).what).toContain('loaded by tsx')
  const trouble = { reason: 'cannot start', help: 'Do this.' }
  const stopped = checkEntry({ ...facts, trouble })
  expect(stopped).toEqual(problem('server.js', trouble.reason, trouble.help))
  const syntaxError = 'SyntaxError: no (server.js:1)'
  expect(checkEntry({ ...facts, syntaxError })).toMatchObject({
    level: 'problem',
    why: syntaxError,
  })
})

test.each([
  ['the library', ['socket-handoff'], [], 'ok'],
  ['the plugin', ['socket-handoff', 'fastify-socket-handoff'], ['fastify'], 'ok'],
  ['Fastify without the plugin, but with the library', ['socket-handoff'], ['fastify'], 'note'],
  ['Fastify without either', [], ['fastify'], 'note'],
  ['nothing', [], ['express'], 'note'],
])('a package with %s', (_, installed, dependencies, level) => {
  const findings = checkLibrary({ ...facts, installed, dependencies })
  expect(findings).toMatchObject([{ level }])
})

test('an entry that is not there has no library to judge', () => {
  const trouble = { reason: 'cannot start', help: 'Do this.' }
  expect(checkLibrary({ ...facts, trouble, installed: [] })).toEqual([])
})

const whats = (dependencies: string[]) =>
  checkDependencies({ ...facts, dependencies }).map(({ what }) => what)

test('what matters of the dependencies is told, each once', () => {
  expect(whats(['express', 'close-with-grace', 'socket.io', 'toString'])).toEqual([
    'close-with-grace',
    'socket.io',
  ])
  expect(whats(['aedes', 'y-websocket', 'colyseus'])).toEqual(['aedes', 'y-websocket', 'colyseus'])
  expect(whats(['ws'])).toEqual(['ws'])
  expect(whats(['ws', '@fastify/websocket'])).toEqual(['@fastify/websocket'])
})

test.each([
  ['nodemon server.js', 1],
  ['node --watch server.js', 1],
  ['tsx watch src/server.ts', 1],
  ['pm2-runtime ecosystem.config.cjs', 1],
  ['handoff run --watch server.js', 0],
  ['node server.js', 0],
  ['vite build --watch', 0],
])('the script %j: %d notes', (command, count) => {
  expect(checkScripts({ ...facts, scripts: { dev: command } })).toHaveLength(count)
})

test('findings line up, and the last line counts the problems', () => {
  const findings = [ok('Linux'), note('a', 'b', 'C.'), problem('d', 'e', 'F.')]
  expect(findingLines(findings, plain).join('\n')).toMatchInlineSnapshot(`
    "ok       Linux
    note     a
             b
             C.
    problem  d
             e
             F.

    1 problem found"
  `)
  expect(findingLines([ok('Linux')], plain).at(-1)).toBe('no problem found')
})
