// The ports of children of the old process, which end with it.

import { expect, test, vi } from 'vitest'
import { unservedPorts } from '../../../packages/handoff/src/preload/readiness/unserved-child-ports.ts'

vi.mock('../../../packages/handoff/src/io/listeners/listening-ports.ts', () => ({
  isEphemeral: (port: number) => port >= 40_000,
}))

const child = (pid: number, ...ports: number[]) => ({ pid, ports, command: ['node', 'child.mjs'] })
const none = () => false

test('are lost where nothing here listens on them', () => {
  const theirs = [child(1, 80, 90), child(2, 90), child(3, 100)]
  expect(unservedPorts(theirs, new Set([90]), none)).toEqual([child(1, 80), child(3, 100)])
})

test('are not lost where the operator gives them up', () => {
  expect(unservedPorts([child(1, 80, 90)], new Set(), (port) => port === 80)).toEqual([
    child(1, 90),
  ])
})

test('another port is no replacement of one that the program chose', () => {
  expect(unservedPorts([child(1, 80)], new Set([81, 40_001]), none)).toEqual([child(1, 80)])
})

test('a port that the kernel chose is another one in each generation', () => {
  const theirs = [child(1, 40_001), child(2, 40_002)]
  expect(unservedPorts(theirs, new Set([40_003, 40_004]), none)).toEqual([])
  expect(unservedPorts(theirs, new Set([40_003]), none)).toEqual([child(2, 40_002)])
  expect(unservedPorts(theirs, new Set([40_002]), none)).toEqual([child(1, 40_001)])
})
