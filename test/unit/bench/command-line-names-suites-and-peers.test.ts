// The command line of `npm run bench`, and which peers it measures.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { optionsOf, readCommandLine, usage } from '../../../bench/command-line.ts'
import { selectPeers } from '../../../bench/peers/all.ts'
import { handoff } from '../../../bench/peers/handoff.ts'
import type { Peer } from '../../../bench/peers/peer.ts'
import { which } from '../../../bench/peers/which.ts'
import { suites } from '../../../bench/suites/all.ts'
import { scratchDirectory } from '../../support/scratch.ts'

test('without arguments the suites for every day run in quick mode, and with --full all', () => {
  const wishes = readCommandLine([], suites)
  expect(wishes).toMatchObject({ isFull: false, peers: undefined, json: undefined })
  const names = wishes.suites.map(({ name }) => name)
  expect(names).toContain('disturbance')
  expect(names).not.toContain('memory')
  expect(readCommandLine(['--full'], suites).suites).toEqual(suites)
  expect(readCommandLine(['memory'], suites).suites).toHaveLength(1)
})

test('suites, peers and options come from the command line', () => {
  const args = ['disturbance', '--peers', 'nginx,tableflip', '--runs', '7', '--json', 'out.json']
  const wishes = readCommandLine([...args, '--full'], suites)
  expect(wishes.suites.map(({ name }) => name)).toEqual(['disturbance'])
  expect(wishes).toMatchObject({ isFull: true, peers: ['nginx', 'tableflip'], json: 'out.json' })
  // What is not given is that of the mode.
  const [suite] = wishes.suites
  expect(suite && optionsOf(suite, wishes)).toEqual({ runs: 7, reloads: 5 })
})

test.each(['--help', '-h'])('%s asks for the flags', (flag) => {
  expect(readCommandLine([flag], suites).wantsHelp).toBe(true)
  expect(readCommandLine([], suites).wantsHelp).toBe(false)
  for (const name of ['full', 'peers', 'json', 'continue', 'busy', 'list', 'help'])
    expect(usage).toContain(`--${name}`)
})

test.each([
  ['an unknown suite', ['disturbances'], 'cannot run disturbances: it is no suite.'],
  ['a value that is no count', ['--runs', 'many'], 'cannot set --runs to many: it is no count.'],
  ['an unknown flag', ['--walks', '1'], '--walks'],
])('%s is refused', (_, args, message) => {
  expect(() => readCommandLine(args, suites)).toThrow(message)
})

test('names of suites and their options are unique and plain', () => {
  const names = suites.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, columns, options } of suites) {
    expect(name).toMatch(/^[a-z-]+$/)
    expect(columns.length, name).toBeGreaterThan(0)
    for (const { quick, full } of Object.values(options)) expect(quick).toBeLessThanOrEqual(full)
  }
})

function peer(name: string, missing?: string): Peer {
  return {
    name,
    about: '',
    missing: () => missing,
    start: () => Promise.reject(new Error('cannot start: a test does not')),
  }
}

const known = [handoff, peer('here'), peer('absent', 'apt-get install absent')]

test('a peer that is not installed is left out, with how to install it', () => {
  const { peers, skipped } = selectPeers(undefined, known)
  expect(peers.map(({ name }) => name)).toEqual(['handoff', 'here'])
  expect(skipped).toEqual(['skipping absent: not installed (apt-get install absent)'])
})

test('peers of a list are measured beside this project', () => {
  expect(selectPeers(['here'], known).peers.map(({ name }) => name)).toEqual(['handoff', 'here'])
  expect(selectPeers(['handoff'], known).peers.map(({ name }) => name)).toEqual(['handoff'])
  expect(() => selectPeers(['there'], known)).toThrow('cannot measure there: it is no peer.')
})

test('a program is found in PATH if it can be executed', () => {
  const directory = scratchDirectory()
  const [program, text] = ['bench-test-program', 'bench-test-text'].map((name) => {
    writeFileSync(join(directory, name), '#!/bin/sh\n')
    return join(directory, name)
  })
  chmodSync(program ?? '', 0o755)
  expect(which('bench-test-program', `/nowhere:${directory}`)).toBe(program)
  expect(which('bench-test-text', directory)).toBeUndefined()
  expect(which('bench-test-program', '')).toBeUndefined()
  expect(text).toBeDefined()
})
