import { expect, test } from 'vitest'
import {
  describeProgram,
  Programs,
} from '../../../../packages/handoff/src/supervisor/program/program.ts'

const first = { entry: 'server.js', args: [], workingDirectory: '/srv/1', node: '/bin/node' }
const second = { ...first, entry: '/srv/2/server.js' }

test('a program is in force from the moment at which its process serves', () => {
  const programs = new Programs(first)
  programs.onSpawned(1, first)
  programs.onServing(1)
  programs.onSpawned(2, second)
  expect(programs.inForce).toBe(first)
  programs.onServing(2)
  expect(programs.inForce).toBe(second)
  programs.onExit(1)
  programs.onExit(2)
  expect(programs.inForce, 'it starts again after a crash').toBe(second)
})

test('a take-back brings back the program of the old process', () => {
  const programs = new Programs(first)
  programs.onSpawned(1, first)
  programs.onServing(1)
  programs.onSpawned(2, second)
  programs.onServing(2)
  programs.onExit(2)
  programs.onServing(1)
  expect(programs.inForce).toBe(first)
})

test('a server that restarts itself goes on with the program in force', () => {
  const programs = new Programs(first)
  programs.onSpawned(2, second)
  programs.onServing(2)
  programs.onServing(3)
  programs.onExit(2)
  expect(programs.inForce).toBe(second)
})

test('a status has the whole path of the entry', () => {
  expect(describeProgram(first)).toEqual({
    entry: '/srv/1/server.js',
    workingDirectory: '/srv/1',
    node: '/bin/node',
  })
})
