// One describer of events: each place that shows an event to a person has its words.

import type { FastifyBaseLogger } from 'fastify'
import { expect, describe as suite, test } from 'vitest'
import { logEvent } from '../../../packages/fastify-plugin/src/log.ts'
import { reloadLine } from '../../../packages/handoff/src/cli/text/render.ts'
import { plain } from '../../../packages/handoff/src/cli/text/style.ts'
import { notifyFields } from '../../../packages/handoff/src/notify/fields.ts'
import { Reporter } from '../../../packages/handoff/src/notify/reporter.ts'
import type { Generations } from '../../../packages/handoff/src/supervisor/processes/generations.ts'
import { emptyRegistry } from '../../../packages/handoff/src/supervisor/registry/registry.ts'
import { WorkerAnnouncer } from '../../../packages/handoff/src/supervisor/worker/worker-announcer.ts'
import type { HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../packages/handoff/src/terms/fates.ts'
import { readSettings } from '../../../packages/handoff/src/terms/options.ts'
import {
  type Description,
  describe,
  detailOf,
} from '../../../packages/handoff/src/words/describe.ts'
import { FakeSystem } from '../../stage/support/fake-system.ts'

const common = { pid: 7, generation: 2, elapsedMs: 312.4 }
const failure = { code: 'ERR_HANDOFF_TIMEOUT', message: 'cannot serve: too late' } as const

/** A type that is missing here does not compile. */
const described: {
  [T in HandoffEvent['type']]: [Extract<HandoffEvent, { type: T }>, Description]
} = {
  stage: [
    { ...common, type: 'stage', stage: 'adopt', detail: 'the application starts' },
    { tone: 'detail', text: 'adopt: the application starts' },
  ],
  serving: [
    {
      ...{ ...common, type: 'serving', listeners: ['tcp:*:80', 'unix:/a'] },
      replaces: { pid: 6, generation: 1 },
    },
    {
      tone: 'good',
      text: 'generation 2 (pid 7) serves on tcp:*:80, unix:/a after 312 ms, in place of generation 1',
    },
  ],
  aborted: [
    { ...common, type: 'aborted', stage: 'ready', ...failure, serving: 'old' },
    {
      tone: 'bad',
      text: 'generation 2 (pid 7) aborted the handoff in ready: cannot serve: too late. The old process serves on. [ERR_HANDOFF_TIMEOUT]',
    },
  ],
  'taken-back': [
    {
      ...{ ...common, type: 'taken-back', ...failure, listeners: [], fates: noFates },
      connections: { back: 1, closed: 0 },
    },
    {
      tone: 'bad',
      text: 'generation 2 (pid 7) has taken back and serves again: cannot serve: too late [ERR_HANDOFF_TIMEOUT]',
    },
  ],
  drained: [
    {
      ...{ ...common, type: 'drained', fates: { ...noFates, handedOver: { http: 3 } } },
      counts: { drained: 0, handedOver: 3, closed: 0, forced: 0 },
    },
    {
      tone: 'info',
      text: 'generation 2 (pid 7) has drained: 3 connections handed over (http), none cut',
    },
  ],
  joined: [
    { ...common, type: 'joined', from: { pid: 3, generation: 1 }, listeners: [] },
    { tone: 'info', text: 'generation 2 (pid 7) has taken over from generation 1 (pid 3) as well' },
  ],
  status: [
    {
      ...{ ...common, type: 'status', stage: 'serving', listeners: [], connections: 12 },
      ...{ open: { http: 10, websocket: 2 }, fates: noFates },
    },
    {
      tone: 'detail',
      text: 'generation 2 (pid 7): serving, 12 connections (10 http, 2 websocket)',
    },
  ],
  warning: [
    { ...common, type: 'warning', message: 'port 80 is not handed over' },
    { tone: 'bad', text: 'port 80 is not handed over' },
  ],
}
const cases = Object.values(described)

suite('a description', () => {
  test.each(cases)('of $type', (event, description) => {
    expect(describe(event)).toEqual(description)
    expect(description.text.endsWith(detailOf(event))).toBe(true)
  })

  test('says that a process in its ramp has never stopped', () => {
    expect(describe({ ...described['taken-back'][0], stage: 'ramp' })).toEqual({
      tone: 'bad',
      text: 'generation 2 (pid 7) has taken back, and had never stopped accepting: cannot serve: too late [ERR_HANDOFF_TIMEOUT]',
    })
  })

  test('names a process that has no generation yet', () => {
    const [event] = described.aborted
    expect(describe({ ...event, generation: 0, serving: 'none' }).text).toBe(
      'the process (pid 7) aborted the handoff in ready: cannot serve: too late. No process serves. [ERR_HANDOFF_TIMEOUT]',
    )
  })

  test('has no ends that hang loose', () => {
    const stage = { ...described.stage[0], detail: '' }
    expect(describe(stage).text).toBe('adopt')
    const serving = { ...described.serving[0], listeners: [], replaces: null }
    expect(describe(serving).text).toBe('generation 2 (pid 7) serves after 312 ms')
    const status = { ...described.status[0], connections: 0, open: {} }
    expect(describe(status).text).toBe('generation 2 (pid 7): serving, 0 connections')
  })

  test('says that connections were cut', () => {
    const [event] = described.drained
    const cut = { ...event, counts: { ...event.counts, forced: 1 } }
    expect(describe({ ...cut, fates: { ...event.fates, forced: { raw: 1 } } })).toEqual({
      tone: 'bad',
      text: 'generation 2 (pid 7) has drained: 3 connections handed over (http), 1 cut (raw)',
    })
  })

  test('is one line', () => {
    const [event] = described.warning
    expect(describe({ ...event, message: 'a\nb\x07' }).text).toBe('a b\\x07')
  })
})

suite('the words are the same', () => {
  test.each(cases)('in a line of handoff reload: $type', (event, { text }) => {
    const line = reloadLine({ ...event, atMs: 5 }, plain)
    if (event.type === 'status') expect(line).toBeUndefined()
    else expect(text.endsWith(line?.split(/ {2,}/).at(-1) ?? '-')).toBe(true)
  })

  test.each(cases)('in the log of Fastify: $type', (event, { tone, text }) => {
    const lines: unknown[] = []
    const at = (level: string) => (fields: object, message: string) => {
      lines.push([level, fields, message])
    }
    const log = { debug: at('debug'), info: at('info'), warn: at('warn') }
    logEvent(log as unknown as FastifyBaseLogger, event)
    const level = { detail: 'debug', info: 'info', good: 'info', bad: 'warn' }[tone]
    const line = [level, { handoff: event }, `handoff: ${text}`]
    expect(lines).toEqual(event.type === 'status' ? [] : [line])
  })

  test.each(cases)('in what systemctl status shows: $type', (event, { text }) => {
    const { STATUS } = notifyFields(event, false)
    const shown = ['stage', 'serving', 'taken-back'].includes(event.type)
    expect(STATUS).toBe(shown ? text : undefined)
  })

  test.each(['ramp', 'drain', 'exit'] as const)(
    'of the service no more, of an old process in %s',
    (stage) => {
      const event = { ...described.stage[0], stage }
      expect(notifyFields(event, false)).not.toHaveProperty('STATUS')
      expect(notifyFields(event, true).STATUS).toBe(describe(event).text)
    },
  )

  test.each(cases)('in what the supervisor announces: $type', (event, { text }) => {
    const announced: string[] = []
    const generations = {
      registry: { ...emptyRegistry, processes: new Map([[7, {}]]) },
      hasSpawned: () => false,
      change: () => {},
    } as unknown as Generations
    const announcer = new WorkerAnnouncer(
      generations,
      (line) => announced.push(line.text),
      () => false,
    )
    announcer.onEvent(7, event)
    const quiet = ['stage', 'status', 'joined', 'warning'].includes(event.type)
    expect(announced).toEqual(quiet ? [] : [text])
  })

  test('in the warning of a process without onEvent', () => {
    const system = new FakeSystem()
    new Reporter(system, readSettings({}, {}), () => 2).report({ type: 'warning', message: 'a\nb' })
    expect(system.warnings).toEqual(['handoff: a b'])
  })
})
