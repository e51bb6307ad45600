import type { FastifyBaseLogger } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { logEvent } from '../../../packages/fastify-plugin/src/log.ts'
import { printError, printFailure } from '../../../packages/handoff/src/cli/client/print-error.ts'
import { announce } from '../../../packages/handoff/src/cli/commands/run.ts'
import type { Finding } from '../../../packages/handoff/src/cli/doctor/finding.ts'
import { findingLines } from '../../../packages/handoff/src/cli/doctor/finding-text.ts'
import {
  reloadLine,
  reloadSummary,
  statusLines,
} from '../../../packages/handoff/src/cli/text/render.ts'
import { plain } from '../../../packages/handoff/src/cli/text/style.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import { readMessage } from '../../../packages/handoff/src/protocol/messages.ts'
import { formatNotify, parseNotify } from '../../../packages/handoff/src/protocol/notify.ts'
import { printable } from '../../../packages/handoff/src/protocol/printable.ts'
import type { ReloadLine } from '../../../packages/handoff/src/supervisor/control/reload-lines.ts'
import type { Status } from '../../../packages/handoff/src/supervisor/registry/run-status.ts'
import type { HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { noFates } from '../../../packages/handoff/src/terms/fates.ts'

/** Every character below U+0100 that is not seen, and some above; and a line that looks like ours. */
const unseen = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  ...[0xad, 0x61c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff],
  ...[0xd800, 0xdfff, 0xe0001],
]
const hostile = `${unseen.map((code) => String.fromCodePoint(code)).join('x')}
handoff: ✓ generation 9 (pid 1) serves\r\nhandoff: ok\x1b[2J\x1b]0;owned\x07`

/** What no terminal may get from us where no style is on. */
const bad = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** The value once for each text in it, with that text hostile. */
function* variants(value: unknown): Generator<unknown> {
  if (typeof value === 'string') yield hostile
  if (typeof value !== 'object' || value === null) return
  for (const [name, part] of Object.entries(value)) {
    for (const variant of variants(part)) {
      if (!Array.isArray(value)) yield { ...value, [name]: variant }
      else
        yield value.with?.(Number(name), variant) ?? Object.assign([...value], { [name]: variant })
    }
  }
}

function expectSafe(lines: readonly string[], count: number): void {
  for (const line of lines) expect(line).not.toMatch(bad)
  expect(lines).toHaveLength(count)
}

const base = { pid: 7, generation: 2, elapsedMs: 5, atMs: 5 }
const failure = { code: 'ERR_HANDOFF_TIMEOUT', message: 'too late' } as const
const events: (HandoffEvent & { atMs: number })[] = [
  { ...base, type: 'stage', stage: 'adopt', detail: 'tcp' },
  {
    ...base,
    type: 'serving',
    replaces: { pid: 6, generation: 1 },
    listeners: ['unix:/a', 'tcp:b'],
  },
  { ...base, type: 'aborted', stage: 'ready', ...failure, serving: 'old' },
  {
    ...{ ...base, type: 'taken-back', ...failure, listeners: ['tcp:a'], fates: noFates },
    connections: { back: 1, closed: 0 },
  },
  {
    ...{ ...base, type: 'drained', fates: { ...noFates, closed: { http: 2 } } },
    counts: { drained: 0, handedOver: 1, closed: 1, forced: 0 },
  },
  { ...base, type: 'joined', from: { pid: 3, generation: 1 }, listeners: ['tcp:a'] },
  { ...base, type: 'warning', message: 'careful' },
]

test('a line of a reload', () => {
  for (const event of events) {
    for (const variant of variants(event)) {
      const { type, stage } = variant as { type: string; stage?: string }
      // The supervisor believes no event of another type or stage.
      if (type === hostile || stage === hostile) continue
      const line = reloadLine(variant as ReloadLine, plain)
      if (line !== undefined) expectSafe([line], 1)
    }
  }
})

test('the end of a reload', () => {
  const connections = {
    ...{ pid: 6, generation: 1, drained: false, connections: 3 },
    ...{ counts: { drained: 0, handedOver: 1, closed: 1, forced: 0 } },
    fates: { ...noFates, closed: { [hostile]: 2, http: 1 } },
  }
  const result = {
    ...{
      type: 'result',
      ok: true,
      generation: 2,
      pid: 7,
      serving: 'new',
      servesAfterMs: 1,
      atMs: 5,
    },
    old: connections,
  } as never
  expectSafe(reloadSummary(result, plain), 1)
})

test('a status', () => {
  const status: Status = {
    ...{ name: 'web', pid: 1, release: '1.0.0', generation: 2, serving: 7 },
    program: { entry: '/srv/a.js', workingDirectory: '/srv', node: '/bin/node' },
    workers: [
      {
        worker: 1,
        generation: 2,
        serving: 7,
        backoff: { crashes: 1, retryInMs: 1, why: 'it died' },
      },
    ],
    processes: [
      {
        ...{ pid: 7, worker: 1, generation: 2, stage: 'drain', uptimeMs: 1, connections: 1 },
        silentMs: null,
        ...{ listeners: ['unix:/a', 'tcp:b'], open: { http: 1 }, fates: noFates },
      },
    ],
    handoffs: {
      ...{ completed: 1, aborted: 1, fates: noFates },
      last: {
        outcome: 'aborted',
        at: new Date(0).toISOString(),
        pid: 7,
        generation: 2,
        ...failure,
      },
    },
    backoff: null,
  }
  const { length } = statusLines(status, plain, 0)
  for (const variant of variants(status)) {
    const [process] = (variant as Status).processes
    // A process of no known stage has no line about its drain.
    const drains = process?.stage === 'drain'
    expectSafe(statusLines(variant as Status, plain, 0), drains ? length : length - 1)
  }
})

test('a finding of the doctor', () => {
  const finding: Finding = { level: 'note', what: 'a', why: 'b', remedy: 'c' }
  const { length } = findingLines([finding], plain)
  for (const variant of variants(finding)) {
    expectSafe(findingLines([variant as Finding], plain), length)
  }
})

test('what the supervisor and the commands write to stderr', () => {
  const written: string[] = []
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  onTestFinished(() => write.mockRestore())
  announce({ tone: 'good', text: hostile })
  printError(hostile, hostile)
  printFailure(Object.assign(new Error(hostile), { syscall: 'x' }))
  realSystem.warn(hostile)
  for (const text of written) expectSafe([text.replace(/\n$/, '')], 1)
  expect(written).toHaveLength(4)

  written.length = 0
  printFailure(new Error('first\nhandoff: second'))
  expect(written.length).toBeGreaterThan(2)
  for (const line of written.slice(1)) expect(line).toMatch(/^ {4}\S.*\n$/)
})

test('a message in the log of Fastify; the event beside it is as it was', () => {
  for (const event of events) {
    for (const variant of variants(event)) {
      const log = (fields: { handoff: unknown }, message: string) => {
        expectSafe([message], 1)
        expect(fields.handoff).toBe(variant)
      }
      const logger = { debug: log, info: log, warn: log } as unknown as FastifyBaseLogger
      if ((variant as HandoffEvent).type !== (hostile as string)) {
        if ((variant as { stage?: string }).stage !== hostile) {
          logEvent(logger, variant as HandoffEvent)
        }
      }
    }
  }
})

test('what systemd shows, and what a peer gives as its reason', () => {
  expectSafe([parseNotify(formatNotify({ STATUS: hostile })).STATUS ?? ''], 1)
  for (const type of ['refuse', 'abort'] as const) {
    const message = readMessage(type, { code: hostile, reason: hostile }) as { reason: string }
    expectSafe([message.reason], 1)
  }
})

test('text for people stays readable', () => {
  expect(printable('Zoë 👩‍💻 می‌خواهم ✓')).toBe('Zoë 👩‍💻 می‌خواهم ✓')
  expect(printable('\x1b[31mred\x1b[39m\tand  \n  more')).toBe('red and more')
  expect(printable('\x07\u202e\u{e0001}')).toBe('\\x07\\u202e\\u{e0001}')
  const nested = { a: [1, null, '\n', { '\x07': undefined }] }
  expect(printable(nested)).toEqual({ a: [1, null, ' ', { '\\x07': undefined }] })
})
