// A reload includes the ramp, in which both processes accept. When it returns, only the new code answers new connections.

import { once } from 'node:events'
import type { HandoffEvent } from 'socket-handoff'
import { expect, test } from 'vitest'
import type { ReloadResult } from '../../../packages/handoff/src/supervisor/control/reload-result.ts'
import { Conversation } from '../../support/conversation.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { alive } from '../../support/process-facts.ts'
import { type Reload, type Run, startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

const server = 'slow-successor.mjs'

/** Begins a request at the process that serves. A process without connections has no ramp to speak of. */
async function underWay(run: Run): Promise<Conversation> {
  const conversation = await Conversation.begin(run.target)
  conversation.say('GET / HTTP/1.1\r\nHost: test\r\n')
  return conversation
}

/** Waits until the old process is in its ramp, and gives its pid and that of the new one. */
function inRamp(run: Run, worker = 1): Promise<{ old: number; next: number }> {
  return until('the ramp', async () => {
    const { processes } = await run.status()
    const own = processes.filter((process) => process.worker === worker)
    const old = own.find(({ stage }) => stage === 'ramp')?.pid
    const next = own.find(({ stage }) => stage === 'serving')?.pid
    return old !== undefined && next !== undefined && { old, next }
  })
}

function resultOf({ events }: Reload): ReloadResult {
  return events.at(-1) as unknown as ReloadResult
}

function stages({ events }: Reload): string[] {
  return events.flatMap((event) => (event.type === 'stage' ? event.stage : []))
}

test('after its end only the new process answers new connections', async () => {
  const run = await startRun(server, { flags: ['--ramp', '1s'] })
  const request = await underWay(run)
  const load = new Load(run.target)
  await load.more(50)
  const reload = await run.reload()
  expect(reload.exitCode, reload.text).toBe(0)
  expect(stages(reload)).toContain('ramp')
  const { pid, servesAfterMs = 0, aloneAfterMs } = resultOf(reload)
  expect(aloneAfterMs, reload.text).toBeGreaterThan(servesAfterMs)
  // The ramp begins after the reload. Timers may end a millisecond early.
  expect(aloneAfterMs, reload.text).toBeGreaterThanOrEqual(999)

  for (let i = 0; i < 50; i++) {
    const outcome = await send(run.target, { path: '/' })
    expect(outcome, reload.text).toMatchObject({ kind: 'ok', pid: `${pid}` })
  }
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await run.stop()
})

test('a new process that dies in the ramp costs no request, and the reload reports it', async () => {
  const run = await startRun(server, { flags: ['--ramp', '60s'] })
  const first = await run.listening()
  const request = await underWay(run)
  const reloading = run.reload()
  const { old, next } = await inRamp(run)
  expect(old).toBe(first)
  process.kill(next, 'SIGKILL')
  const reload = await reloading
  expect(reload).toMatchObject({ exitCode: 1, code: 'ERR_HANDOFF_PEER_GONE' })
  const sentence = 'The old process has never stopped accepting. Generation 1 (pid'
  expect(reload.text).toContain(sentence)
  await run.output.waitFor(/has taken back, and had never stopped accepting/)
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  expect(await send(run.target, { path: '/' })).toMatchObject({ kind: 'ok', pid: `${first}` })
  await run.stop()
})

test('an old process that is stopped in the ramp does not hold the reload for ever', {
  timeout: 60_000,
}, async () => {
  const run = await startRun(server, { flags: ['--ramp', '500ms'] })
  const request = await underWay(run)
  const reloading = run.reload()
  const { old, next } = await inRamp(run)
  process.kill(old, 'SIGSTOP')
  const reload = await reloading
  expect(reload.exitCode, reload.text).toBe(0)
  expect(resultOf(reload)).toMatchObject({ ok: true, pid: next, aloneAfterMs: null })
  await run.output.waitFor(/the old process has not reported that it stopped accepting/)
  process.kill(old, 'SIGCONT')
  await until('its ramp has ended', async () => {
    const { processes } = await run.status()
    return processes.every(({ stage }) => stage !== 'ramp')
  })
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  await run.stop()
})

test('another reload and a signal wait for the end of the ramp', async () => {
  const run = await startRun(server, { flags: ['--ramp', '1500ms'] })
  const request = await underWay(run)
  const first = run.reload()
  const { next } = await inRamp(run)
  const second = run.reload()
  expect(resultOf(await first)).toMatchObject({ ok: true, pid: next })
  const { exitCode, text, events } = await second
  expect(exitCode, text).toBe(0)
  const offer = events.find(
    (event): event is HandoffEvent & { stage: string } =>
      event.type === 'stage' && event.stage === 'offer',
  )
  expect(offer, 'it is offered by the second generation').toMatchObject({ pid: next })
  expect(resultOf(await first).aloneAfterMs, text).toBeGreaterThanOrEqual(1_499)
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])

  const again = await underWay(run)
  const third = run.reload()
  await inRamp(run)
  process.kill(run.supervisor.pid ?? 0, 'SIGHUP')
  await run.output.waitFor(/SIGHUP received during a ramp: another start follows/)
  expect(await third).toMatchObject({ exitCode: 0 })
  await until('generation 5 serves', async () => (await run.status()).generation === 5)
  again.say('\r\n')
  expect(await again.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  await run.stop()
})

test('a stop in the ramp ends both processes', async () => {
  const run = await startRun(server, { flags: ['--ramp', '60s'] })
  const request = await underWay(run)
  const reloading = run.reload()
  const { old, next } = await inRamp(run)
  const ended = once(run.supervisor, 'close')
  process.kill(run.supervisor.pid ?? 0, 'SIGTERM')
  await until('the new process has ended', () => !alive(next))
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  const reload = await reloading
  expect(reload.exitCode, reload.text).toBe(1)
  const code = 'ERR_HANDOFF_STOPPING'
  expect(resultOf(reload)).toMatchObject({ ok: false, pid: null, serving: 'none', code })
  expect((await ended)[0], `${run.output}`).toBe(0)
  expect([alive(old), alive(next)]).toEqual([false, false])
  run.expectNothingLeft()
})

test('each of several workers has its ramp before the next one is replaced', async () => {
  const run = await startRun(server, { flags: ['--ramp', '700ms', '--workers', '2'] })
  await run.workersServe(2)
  const requests = await Promise.all(Array.from({ length: 12 }, () => underWay(run)))
  const { events, exitCode, text } = await run.reload()
  expect(exitCode, text).toBe(0)
  const steps = events.flatMap((event) => {
    const { worker } = event as HandoffEvent & { worker?: number }
    return event.type === 'stage' ? `${worker} ${event.stage}` : []
  })
  expect(steps).toContain('1 ramp')
  expect(steps.indexOf('2 discover'), text).toBeGreaterThan(steps.indexOf('1 drain'))
  for (const request of requests) {
    request.say('\r\n')
    expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  }
  await run.stop()
})

test.each([
  ['a program with rampMs: 0', { env: { OWN_RAMP_MS: '0' }, flags: ['--ramp', '60s'] }],
  ['--ramp 0', { flags: ['--ramp', '0'], env: { OWN_RAMP_MS: '60000' } }],
  ['--watch', { flags: ['--watch'] }],
])('with %s there is no ramp', async (_, options) => {
  const run = await startRun(server, options)
  const request = await underWay(run)
  const reload = await run.reload()
  expect(reload.exitCode, reload.text).toBe(0)
  expect(stages(reload)).not.toContain('ramp')
  request.say('\r\n')
  expect(await request.statusLines(1)).toEqual(['HTTP/1.1 200 OK'])
  await run.stop()
})
