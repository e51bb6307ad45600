import { once } from 'node:events'
import { expect, test } from 'vitest'
import { send } from '../../support/load/send.ts'
import { longRequests } from '../../support/load/traffic.ts'
import { startRun } from '../../support/run.ts'

test.each([
  { fixture: 'fastify-server.mjs', how: 'handoff stop' },
  { fixture: 'fastify-server.mjs', how: 'SIGTERM' },
  { fixture: 'http-server.mjs', how: 'SIGTERM' },
  { fixture: 'http-server.mjs', how: 'SIGINT' },
])(
  '$fixture finishes what is in flight after $how, then runs its hooks',
  async ({ fixture, how }) => {
    const run = await startRun(fixture)
    const pid = await run.listening()
    const replies = Object.values(longRequests).map((request) => request(run.target))
    // All four are under way once a fifth has been answered on a connection made after them.
    expect((await send(run.target, { path: '/slow?ms=100' })).kind).toBe('ok')

    const ended = once(run.supervisor, 'close')
    if (how === 'handoff stop') await run.stop()
    else run.supervisor.kill(how as NodeJS.Signals)

    for (const { kind, detail } of await Promise.all(replies))
      expect([kind, detail]).toEqual(['ok', ''])
    await run.output.waitFor(new RegExp(`^closed ${pid}`))
    expect((await ended)[0], `${run.output}`).toBe(0)
    run.expectNothingLeft()
  },
)

test('a second signal ends what does not end by itself', async () => {
  const run = await startRun('http-server.mjs')
  const reply = send(run.target, { path: '/slow?ms=60000' })
  expect((await send(run.target, { path: '/slow?ms=100' })).kind).toBe('ok')

  const ended = once(run.supervisor, 'close')
  run.supervisor.kill('SIGTERM')
  await run.output.waitFor(/drain/)
  run.supervisor.kill('SIGTERM')

  expect((await reply).kind).toBe('reset')
  await ended
  run.expectNothingLeft()
})

test('the drain timeout ends a connection that never ends', async () => {
  const run = await startRun('http-server.mjs', {
    flags: ['--drain-timeout', '1s', '--probation', '0s'],
  })
  const reply = send(run.target, { path: '/slow?ms=60000' })
  expect((await send(run.target, { path: '/slow?ms=100' })).kind).toBe('ok')

  const reload = await run.reload('--wait', 'exit')

  expect((await reply).kind).toBe('reset')
  expect(reload.exitCode, reload.text).toBe(0)
  const drained = reload.events.find((event) => event.type === 'drained')
  expect(drained, reload.text).toMatchObject({ counts: { forced: 1 } })
  await run.stop()
})
