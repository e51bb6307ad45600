// The table of the protocol as a whole: what no state and no event may break.

import { describe, expect, test } from 'vitest'
import {
  type Effect,
  type Role,
  step,
  table,
} from '../../../packages/handoff/src/protocol/machine.ts'
import { Runner } from '../../../packages/handoff/src/talk/runner.ts'
import { noEffects } from '../../support/effects.ts'

interface Row {
  role: Role
  state: string
  event: string
  to: string
  effects: readonly Effect[]
}

const roles = ['new', 'old'] as const
const initial = { new: 'discover', old: 'serving' }
const final = { new: ['aborted'], old: ['exit'] }

const rows: Row[] = roles.flatMap((role) =>
  Object.entries<Record<string, Pick<Row, 'to' | 'effects'>>>(table[role]).flatMap(
    ([state, events]) =>
      Object.entries(events).map(([event, { to, effects }]) => ({
        role,
        state,
        event,
        to,
        effects,
      })),
  ),
)
const statesOf = (role: Role) => Object.keys(table[role])
const eventsOf = (role: Role) => [
  ...new Set(rows.filter((row) => row.role === role).map(({ event }) => event)),
]
const everyPair = roles.flatMap((role) =>
  statesOf(role).flatMap((state) => eventsOf(role).map((event) => ({ role, state, event }))),
)
const find = (role: Role, state: string, event: string) =>
  rows.find((row) => row.role === role && row.state === state && row.event === event)

const lookUp = step as (role: Role, state: string, event: string) => Row | undefined

function run({ role, state, event }: { role: Role; state: string; event: string }) {
  const done: string[] = []
  const entered: string[] = []
  const effects = noEffects(role, (effect) => void done.push(effect))
  const runner = new Runner(role, state as never, effects as never, (to) => void entered.push(to))
  const takes = runner.takes(event as never)
  runner.dispatch(event as never)
  return { takes, state: runner.state, done, entered }
}

test.each(everyPair)('$role $state × $event does what the table says, or nothing', (pair) => {
  const row = find(pair.role, pair.state, pair.event)
  expect(lookUp(pair.role, pair.state, pair.event)?.to).toBe(row?.to)
  expect(run(pair)).toEqual({
    takes: row !== undefined,
    state: row?.to ?? pair.state,
    done: [...(row?.effects ?? [])],
    entered: row === undefined || row.to === pair.state ? [] : [row.to],
  })
})

describe('old process', () => {
  test.each(
    ['offer', 'send'].flatMap((state) =>
      ['abort', 'failure', 'timeout', 'eof'].map((event) => ({ state, event })),
    ),
  )('before the commit, $event in $state leaves it serving', ({ state, event }) => {
    const row = find('old', state, event)
    expect(row?.to).toBe('serving')
    expect(row?.effects).toContain('hang-up')
    expect(row?.effects).not.toContain('shut')
    expect(row?.effects).not.toContain('end-listening')
  })

  test.each(['abort', 'failure', 'timeout', 'eof'])(
    'while it exports, %s makes it accept again: nobody else has begun to',
    (event) => {
      const { to, effects } = find('old', 'commit', event) ?? {}
      expect(to).toBe('serving')
      expect(effects?.slice(-2)).toEqual(['hang-up', 'reopen'])
    },
  )

  test('tells the new one that it may accept only when every value is exported', () => {
    const telling = rows.filter(({ effects }) => effects.includes('send-committed'))
    expect(telling.map(({ state, event }) => `${state} ${event}`)).toEqual([
      'send share',
      'commit exported',
    ])
    // Before a ramp nothing is exported.
    expect(find('old', 'send', 'share')?.effects).not.toContain('export-state')
  })

  test.each(['ramp', 'drain', 'guard', 'linger'])(
    'in %s, the death of the new one takes back',
    (state) => {
      expect(find('old', state, 'eof')).toMatchObject({ to: 'serving' })
      expect(find('old', state, 'eof')?.effects).toContain('take-back')
    },
  )

  test('takes back only what it has not let go', () => {
    const states = rows.filter(({ effects }) => effects.includes('take-back')).map((r) => r.state)
    expect([...new Set(states)].sort()).toEqual(['drain', 'guard', 'linger', 'ramp'])
    for (const { effects } of rows) {
      if (effects.includes('take-back')) expect(effects).not.toContain('end-listening')
    }
  })

  test('stops accepting only at the commit, at a stop and at the end of a ramp', () => {
    const shutting = rows.filter(({ effects }) => effects.includes('shut'))
    const others = shutting.filter(({ state }) => state !== 'ramp')
    expect(new Set(others.map(({ event }) => event))).toEqual(new Set(['ready', 'stop']))
    const stays = rows.filter(({ state, effects }) => state === 'ramp' && !effects.includes('shut'))
    for (const { to } of stays) expect(['ramp', 'serving']).toContain(to)
  })

  test('answers no peer from the commit on, with a ramp or without one', () => {
    expect(find('old', 'send', 'share')).toMatchObject({
      to: 'ramp',
      effects: ['shut-rendezvous', 'send-committed', 'start-probation', 'start-ramp'],
    })
  })

  test.each(['ramped', 'release', 'stop'])('reports that a ramp has ended by %s', (event) => {
    const { effects = [] } = find('old', 'ramp', event) ?? {}
    expect(effects.indexOf('shut')).toBeGreaterThanOrEqual(0)
    expect(effects.indexOf('shut')).toBeLessThan(effects.indexOf('send-ramped'))
  })

  test('commits in this order: shut, then exported, then told', () => {
    expect(find('old', 'send', 'ready')).toMatchObject({
      to: 'commit',
      effects: ['shut', 'export-state'],
    })
    expect(find('old', 'commit', 'exported')).toMatchObject({
      to: 'drain',
      effects: ['send-committed', 'start-probation', 'start-drain'],
    })
  })

  test('probation begins at the commit, and anew when the new process accepts', () => {
    const begins = rows.filter(({ effects }) => effects.includes('start-probation'))
    expect(begins.map(({ state, event }) => `${state} ${event}`)).toEqual([
      'send share',
      'commit exported',
      'ramp served',
      'ramp ramped',
      'drain served',
      'guard served',
    ])
  })

  test('lets the generation before go before a new process can serve', () => {
    expect(find('old', 'offer', 'hello')?.effects).toEqual([
      'send-line',
      'release-old',
      'send-manifest',
    ])
  })

  test('hangs up on a new process that lives only where that cannot serve', () => {
    const committed = ['ramp', 'drain', 'guard', 'linger', 'released', 'exit']
    const living = rows.filter(
      ({ role, state, event }) =>
        role === 'old' && committed.includes(state) && event === 'failure',
    )
    expect(living).toHaveLength(committed.length)
    for (const { effects } of living) expect(effects[0]).toBe('turn-deaf')
  })

  test('lets go of its listeners before it leaves', () => {
    for (const { state, effects } of rows.filter((row) => row.effects.includes('leave'))) {
      const released = state === 'released' || state === 'stopping'
      if (!released) {
        expect(effects.indexOf('end-listening')).toBeGreaterThanOrEqual(0)
        expect(effects.indexOf('end-listening')).toBeLessThan(effects.indexOf('leave'))
      }
    }
  })

  test('a second peer is told that the first one is busy', () => {
    for (const state of ['offer', 'send', 'commit', 'stopping']) {
      expect(find('old', state, 'connect')).toMatchObject({ to: state, effects: ['refuse-busy'] })
    }
  })

  test('can be stopped in every state', () => {
    for (const state of statesOf('old')) expect(find('old', state, 'stop'), state).toBeDefined()
  })
})

describe('new process', () => {
  test.each(['discover', 'receive', 'adopt', 'ready'])(
    'in %s, its own failure and every timeout abort, and the old one is told',
    (state) => {
      for (const event of ['failure', 'timeout']) {
        expect(find('new', state, event)).toMatchObject({
          to: 'aborted',
          effects: ['send-abort', 'hang-up', 'give-up'],
        })
      }
    },
  )

  test.each(['discover', 'receive', 'adopt'])(
    'in %s, the death of the old one leaves it alone',
    (state) => {
      expect(find('new', state, 'eof')).toMatchObject({ to: 'alone' })
    },
  )

  test('serves where the old one died after ready', () => {
    expect(find('new', 'ready', 'eof')).toMatchObject({ to: 'serving' })
    expect(find('new', 'ready', 'eof')?.effects).toEqual(
      expect.arrayContaining(['take-rendezvous', 'open', 'announce-serving']),
    )
  })

  test('opens before it says that it serves, wherever it begins to', () => {
    const serving = ['serving', 'sharing']
    const begins = rows.filter(
      ({ role, state, to }) => role === 'new' && !serving.includes(state) && serving.includes(to),
    )
    expect(begins.length).toBeGreaterThan(0)
    for (const { to, effects } of begins) {
      const socket = to === 'sharing' ? 'hold-rendezvous' : 'take-rendezvous'
      expect(effects.slice(-3)).toEqual([socket, 'open', 'announce-serving'])
    }
  })

  test('never stops serving: no event leads out of serving', () => {
    for (const { role, state, to } of rows) {
      if (role !== 'new') continue
      if (state === 'serving') expect(to).toBe('serving')
      if (state === 'sharing') expect(['sharing', 'serving']).toContain(to)
    }
  })

  test('answers its own successor only once the old one accepts no more', () => {
    const leads = rows.filter(({ state, to }) => state === 'sharing' && to === 'serving')
    expect(leads.map(({ event }) => event)).toEqual(['ramped', 'eof'])
    for (const { effects } of leads) expect(effects.at(-1)).toBe('take-rendezvous')
  })

  test('hangs up on an old process only when that has gone: until then it may not lead', () => {
    for (const event of ['abort', 'failure']) {
      const effects = ['send-release', 'send-declined', 'turn-deaf']
      expect(find('new', 'serving', event)?.effects).toEqual(effects)
      expect(find('new', 'sharing', event)?.effects).toEqual(['end-pace', ...effects])
    }
    expect(find('new', 'serving', 'eof')?.effects).toEqual(['hang-up'])
  })
})

describe.each(roles)('%s process', (role) => {
  const own = rows.filter((row) => row.role === role)

  test('every state can be reached', () => {
    const reached = new Set([initial[role]])
    for (let size = 0; size < reached.size; ) {
      size = reached.size
      for (const { state, to } of own) if (reached.has(state)) reached.add(to)
    }
    expect([...reached].sort()).toEqual(statesOf(role).sort())
  })

  test('from every state a way leads to an end', () => {
    const ends = new Set<string>(role === 'new' ? ['serving', 'aborted'] : final.old)
    for (let size = 0; size < ends.size; ) {
      size = ends.size
      for (const { state, to } of own) if (ends.has(to)) ends.add(state)
    }
    expect([...ends].sort()).toEqual(statesOf(role).sort())
  })

  test('nobody waits for ever: time ends every wait for the peer', () => {
    const byTime =
      role === 'new' ? ['timeout', 'ramped'] : ['timeout', 'probation', 'drained', 'ramped']
    const resting = [...final[role], 'serving']
    for (const state of statesOf(role).filter((name) => !resting.includes(name))) {
      const exits = own.filter((row) => row.state === state && byTime.includes(row.event))
      expect(
        exits.some(({ to }) => to !== state),
        state,
      ).toBe(true)
    }
  })

  test('nothing is said after hanging up', () => {
    for (const { effects } of own) {
      const end = effects.indexOf('hang-up')
      if (end >= 0) {
        expect(effects.slice(end).filter((effect) => effect.startsWith('send-'))).toEqual([])
      }
    }
  })
})
