// Without a configured handoff the plugin changes nothing.

import net from 'node:net'
import Fastify from 'fastify'
import handoff, { fastifySocketHandoff } from 'fastify-socket-handoff'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'

afterEach(() => void vi.unstubAllEnvs())

/** Everything of the process and of Node.js that the plugin could change. */
function world() {
  return {
    listen: net.Server.prototype.listen,
    close: net.Server.prototype.close,
    handlers: process.eventNames().map((name) => [name, process.listenerCount(name)]),
    env: { ...process.env },
  }
}

function open(options: object = {}) {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.get('/', async () => 'hello')
  app.register(handoff, options)
  return app
}

test.each([
  ['nothing is configured', {}, {}],
  ['it is switched off', { enabled: false, rendezvousPath: '/nowhere/r.sock' }, {}],
  [
    'it is switched off under a supervisor',
    { enabled: false },
    { HANDOFF_RENDEZVOUS: '/nowhere/r' },
  ],
  ['variables are empty', {}, { HANDOFF_RENDEZVOUS: '', NOTIFY_SOCKET: '' }],
])('%s: the server is a plain one, and the process as it was', async (_, options, env) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const before = world()
  const app = open(options)
  await app.ready()
  expect(app.handoff.active).toBe(false)
  const at = await app.listen({ host: '127.0.0.1', port: 0 })
  expect(await (await fetch(at)).text()).toBe('hello')
  for (const method of ['listen', 'close', 'address', 'emit'] as const) {
    expect(Object.hasOwn(app.server, method), method).toBe(false)
  }
  expect(world()).toEqual(before)
  await app.close()
  await expect(fetch(at)).rejects.toThrow()
})

test('the plugin is exported by name and as the default', () => {
  expect(fastifySocketHandoff).toBe(handoff)
})

test.each([
  [{ rendezvous: '/run/a.sock' }, /there is no option "rendezvous"\. Use rendezvousPath\.$/],
  [{ warmupTimes: 7 }, /there is no option "warmupTimes"\. Use warmup: \{ requests, count \}\.$/],
  [{ drainTimeout: 1 }, /there is no option "drainTimeout"\. Use drainTimeoutMs\.$/],
  [{ healthcheck: () => true }, /there is no option "healthcheck"\. Use healthCheck\.$/],
  [{ warmUp: { requests: ['/'] } }, /there is no option "warmUp"\. Use warmup\.$/],
  [{ probatoinMs: 1 }, /there is no option "probatoinMs"\. Use probationMs\.$/],
  [
    { warmup: { requests: ['/'], times: 2 } },
    /no option "warmup.times"\. The options are requests, count/,
  ],
  [{ warmup: 1 }, /warmup has no list of requests/],
  [{ warmup: ['/'] }, /warmup has no list of requests\. Write warmup: \{ requests:/],
  [{ healthCheck: true }, /healthCheck is true, not a function/],
  [{ warmup: { requests: ['/'], count: -1 } }, /warmup\.count is -1, not a whole number from 0/],
])('the options %j are refused with or without a handoff', async (options, message) => {
  for (const enabled of [false, true]) {
    await expect(open({ enabled, ...options }).ready()).rejects.toMatchObject({
      code: 'ERR_HANDOFF_INVALID_OPTION',
      message: expect.stringMatching(message),
    })
  }
})

describe.each([true, false])('the option of a route (enabled: %s)', (enabled) => {
  test.each([
    [
      { atrest: () => true },
      /no option "handoff\.atrest"\. The options are atRest, export, import\.$/,
    ],
    [{ export: 1 }, /handoff\.export is 1, not a function/],
    ['yes', /handoff is yes, not true, false or an object/],
    [null, /handoff is null, not true/],
  ])('is not %j', async (option, message) => {
    const app = open({ enabled })
    await app.after()
    const handler = () => 'no'
    const add = () => app.get('/no', { handoff: option as never }, handler)
    expect(add).toThrow(
      expect.objectContaining({
        code: 'ERR_HANDOFF_INVALID_OPTION',
        message: expect.stringMatching(message),
      }),
    )
  })

  test('is a switch or hooks', async () => {
    const app = open({ enabled })
    await app.after()
    const handler = () => 'yes'
    for (const [index, option] of [true, false, undefined, {}, { atRest: () => true }].entries()) {
      app.get(`/${index}`, { handoff: option as never }, handler)
    }
    await app.ready()
  })
})

test("options of Fastify's own, of its command line and of other plugins are no mistake", async () => {
  const others = { port: 3000, watch: true, options: {}, lang: 'en', dir: '/srv' }
  const app = open({ enabled: true, prefix: '/', logLevel: 'warn', ...others })
  await app.ready()
  expect(app.handoff.active).toBe(true)
})

test('options of the handoff are checked where it is switched on', async () => {
  const app = open({ enabled: true, rendezvousPath: 'not/absolute.sock' })
  await expect(app.ready()).rejects.toMatchObject({ code: 'ERR_HANDOFF_INVALID_OPTION' })
})

test('the decorator is the handoff, and app.close gives the process back', async () => {
  const exit = vi.spyOn(realSystem, 'exit').mockReturnValue()
  onTestFinished(() => exit.mockRestore())
  const before = world()
  const app = open({ enabled: true })
  await app.ready()
  expect(app.handoff).toMatchObject({ active: true, generation: 1 })
  const at = await app.listen({ host: '127.0.0.1', port: 0 })
  expect(app.handoff.metrics().listeners).toHaveLength(1)
  expect(await (await fetch(at)).text()).toBe('hello')
  await app.close()
  await expect(fetch(at)).rejects.toThrow()
  expect(app.handoff.active).toBe(false)
  expect(world()).toEqual(before)
  expect(exit).not.toHaveBeenCalled()
})
