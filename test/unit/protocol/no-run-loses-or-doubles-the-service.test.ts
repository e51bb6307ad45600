// Every run of three generations, by the tables that run: see docs/testing.md, "The model".

import { describe, expect, test, vi } from 'vitest'
import { type Effect, type Role, table } from '../../../packages/handoff/src/protocol/machine.ts'
import { type Exploration, explore } from '../../support/model/explore.ts'
import { effects, type Release, type Tables } from '../../support/model/processes.ts'

// A busy machine takes longer; no test asserts a time.
vi.setConfig({ testTimeout: 600_000 })

const today: Release = { tables: table, mark: true, deadlines: true, waits: false }
/** Peers that know no mark, as all did once: a release is a message like the others. */
const withoutMark: Release = { tables: table, mark: false, deadlines: true, waits: false }

const faults = Number(process.env.HANDOFF_MODEL_FAULTS ?? 1)
const small = { processes: 3, faults: 1, room: 2 }

/** The trace is the failure message. */
function said({ fault }: Exploration): string {
  return fault === undefined ? 'no fault' : [`${fault.what}, after:`, ...fault.trace].join('\n  ')
}

describe('no run has a fault', () => {
  test.each([
    ['three generations', { processes: 3, faults, room: 2 }],
    [
      'two generations, and as many faults as processes and one more',
      { processes: 2, faults: 3, room: 2, paces: true },
    ],
    ['channels with room for one message', { processes: 3, faults: 0, room: 1, paces: true }],
    ['channels with room for all', { processes: 3, faults: 0, room: 20 }],
  ])('%s: %o', (_, search) => {
    const found = explore(today, search)
    const { worlds, steps, ends, depth } = found
    console.info(`${worlds} worlds, ${steps} steps, ${ends} ends, ${depth} steps deep`)
    expect(said(found)).toBe('no fault')
    expect(ends).toBeGreaterThan(0)
  })
})

test('a drained process that stays for the one before it stays no longer than that one', () => {
  expect(said(explore({ ...today, deadlines: false }, small))).toBe('no fault')
})

describe('without the mark', () => {
  test('a release that nobody reads in time is lost: two serve', () => {
    const found = explore(withoutMark, { ...small, faults: 0, only: 'two processes serve' })
    // No shorter run leads there, so these are its last steps, in this order.
    expect(found.fault?.trace).toHaveLength(32)
    expect(found.fault?.trace.slice(-3)).toEqual([
      'process 1 reads the end of the channel: drain → serving',
      'process 3 reads committed: ready → serving',
      'process 3 opens',
    ])
    expect(found.fault?.trace).toContain('process 2 fills the channel with rested')
  })

  test('a release that the kernel has before the next manifest is not: nothing else fails', () => {
    const release = { ...withoutMark, waits: true }
    const found = explore(release, { ...small, faults: 0, only: 'two processes serve' })
    expect(said(found)).toBe('no fault')
  })

  test('an abort is lost if the old process ends before it is sent: two lead', () => {
    const only = 'two processes of one line lead'
    const found = explore(withoutMark, { ...small, faults: 0, only })
    expect(found.fault?.trace).toContain('process 1 runs out of time in send: send → serving')
    expect(found.fault?.trace).toContain('process 2 reads the end of the channel: ready → serving')
  })

  test('the old process leaves before the new one serves: nobody does', () => {
    const found = explore(withoutMark, { ...small, faults: 0 })
    expect(found.fault).toMatchObject({
      what: 'nobody serves any more, though the listeners are open',
    })
    expect(found.fault?.trace.at(-1)).toBe('process 1 is drained: linger → exit')
  })
})

/** The tables with one cell changed, or without it. */
function withCell(
  role: Role,
  state: string,
  event: string,
  to?: string,
  ...does: Effect[]
): Tables {
  const rows: Record<string, Record<string, unknown>> = { ...table[role] }
  const { [event]: _, ...row } = rows[state] ?? {}
  rows[state] = to === undefined ? row : { ...row, [event]: { to, effects: does } }
  return { ...table, [role]: rows } as Tables
}

describe('a table that is broken on purpose is found out, by a shortest run', () => {
  const cases: [string, Tables, string, string][] = [
    [
      'a handoff that begins does not release the generation before',
      withCell('old', 'offer', 'hello', 'send', 'send-line', 'send-manifest'),
      'two processes serve',
      'process 3 opens',
    ],
    [
      'a process with a successor sends no release',
      withCell('new', 'serving', 'succeeded', 'serving'),
      'two processes serve',
      'process 3 opens',
    ],
    [
      'a process that stops sends no release',
      withCell('new', 'serving', 'stopped', 'serving'),
      'nobody serves any more',
      'process 1 comes to the end of its probation: guard → exit',
    ],
    [
      'connections are declined that were never released',
      withCell('new', 'serving', 'stopped', 'serving', 'send-declined', 'send-release'),
      'process 1 is sent declined in drain',
      'process 1 reads declined',
    ],
    [
      'a released process takes back',
      withCell('old', 'drain', 'release', 'drain'),
      'two processes serve',
      'process 3 opens',
    ],
    [
      'a stop does not release the generation before',
      withCell('old', 'serving', 'stop', 'stopping', 'end-listening', 'start-drain'),
      'nobody serves any more',
      'process 1 comes to the end of its probation: guard → exit',
    ],
    [
      'the old process does not take back',
      withCell('old', 'drain', 'eof', 'released', 'hang-up', 'end-listening'),
      'nobody serves any more',
      'process 1 reads the end of the channel: drain → released',
    ],
    [
      'the new process gives up where the old one died after ready',
      withCell('new', 'ready', 'eof', 'aborted', 'hang-up', 'give-up'),
      'nobody serves any more',
      'process 2 reads the end of the channel',
    ],
    [
      'the old process goes on accepting at the commit',
      withCell('old', 'send', 'ready', 'commit', 'export-state'),
      'two processes serve',
      'process 2 opens',
    ],
    [
      'the old process goes on accepting after a ramp',
      withCell('old', 'ramp', 'ramped', 'drain', 'start-drain', 'start-probation', 'send-ramped'),
      'two processes serve',
      'process 1 comes to the end of its ramp: ramp → drain',
    ],
    [
      'a new process does not wait for the end of the ramp',
      withCell('new', 'ready', 'shared', 'serving', 'import-state', 'take-rendezvous', 'open'),
      'process 2 is sent ramped in serving',
      'process 2 reads ramped',
    ],
    [
      'the old process stops its ramp, and does not report it',
      withCell('old', 'ramp', 'ramped', 'drain', 'shut', 'start-drain', 'start-probation'),
      'process 2 is sent drained in sharing',
      'process 2 reads drained',
    ],
    [
      'the old process does not take back in a ramp',
      withCell('old', 'ramp', 'eof', 'released', 'hang-up', 'shut', 'start-drain', 'end-listening'),
      'nobody serves any more',
      'process 1 reads the end of the channel: ramp → released',
    ],
    [
      'an abort at the commit does not reopen',
      withCell('old', 'commit', 'eof', 'serving', 'hang-up'),
      'a process waits for ever',
      '',
    ],
    [
      'listeners stay open in a process that leaves',
      withCell('old', 'guard', 'probation', 'exit', 'leave'),
      'listeners are still open in exit',
      'process 1 comes to the end of its probation: guard → exit',
    ],
    [
      'a process leaves although the new one has died',
      withCell('old', 'linger', 'died', 'linger'),
      'nobody serves any more',
      'process 1 is drained: linger → exit',
    ],
    [
      'a drained process does not leave',
      withCell('old', 'linger', 'drained'),
      'a process waits for ever',
      '',
    ],
    [
      'the new process does not hang up on one that has died',
      withCell('new', 'serving', 'eof', 'serving'),
      'a channel to a dead process stays open',
      '',
    ],
    [
      'a message is not known where it can come',
      withCell('old', 'guard', 'rested'),
      'process 1 is sent rested in guard',
      'process 1 reads rested',
    ],
  ]
  test.each(cases)('%s', (_, tables, what, last) => {
    const { fault } = explore({ ...today, tables }, { ...small, only: what })
    expect(fault?.what).toBe(what)
    if (last !== '') expect(fault?.trace.at(-1)).toBe(last)
  })

  test('the trace is the whole run, and no run to the fault is shorter', () => {
    const tables = withCell('old', 'send', 'ready', 'commit', 'export-state')
    expect(explore({ ...today, tables }, small).fault?.trace).toEqual([
      'process 2 starts',
      'process 1 accepts a peer: serving → offer',
      'process 1 reads hello: offer → send',
      'process 2 reads older',
      'process 2 reads mark',
      'process 1 sends what had to wait to 2',
      'process 2 reads manifest: discover → receive',
      'process 2 reads listeners: receive → adopt',
      'process 1 reads ack',
      'process 2 is ready: adopt → ready',
      'process 1 reads ready: send → commit',
      'process 1 has exported: commit → drain',
      'process 2 reads committed: ready → serving',
      'process 2 opens',
    ])
  })
})

describe('the model is of the tables', () => {
  const cells = (['new', 'old'] as const).flatMap((role) =>
    Object.entries<Partial<Record<string, { effects: readonly Effect[] }>>>(table[role]).flatMap(
      ([state, row]) => Object.entries(row).map(([event, cell]) => ({ role, state, event, cell })),
    ),
  )

  test('it knows every effect, and no other', () => {
    const named = new Set(cells.flatMap(({ cell }) => cell?.effects ?? []))
    expect(Object.keys(effects).sort()).toEqual([...named].sort())
  })
})
