// The plugin before ready: warm-up and health check, while the old process serves.

import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { until } from '../../support/until.ts'
import { ask } from '../support/clients.ts'
import { anywhere, open, serves } from '../support/fastify-app.ts'
import { openPlace } from '../support/place.ts'
import { tls } from '../support/tls.ts'

test('the warm-up goes through the server, as often as asked, and logs errors alone', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const { app, log } = open(place, {
    warmup: { requests: ['/', { method: 'POST', url: '/form' }], count: 7 },
  })
  const asked: string[] = []
  const stages = new Set<string>()
  app.post('/form', async () => 'ok')
  const levels = new Set<string>()
  app.addHook('onRequest', async ({ method, url, log, ip }) => {
    asked.push(`${method} ${url} ${ip}`)
    levels.add(app.log.level)
    app.log.info('from elsewhere')
    log.info('from a request')
    log.error('an error of a request')
    stages.add(old.handoff.metrics().stage)
  })
  await app.listen(anywhere)
  await serves(app)
  expect(asked).toEqual([
    ...Array.from({ length: 3 }, () => ['GET / 127.0.0.1', 'POST /form 127.0.0.1']).flat(),
    'GET / 127.0.0.1',
  ])
  expect(stages, 'of the old process meanwhile').toEqual(new Set(['send']))
  const said = (text: string) => log.filter(({ msg }) => msg === text).length
  expect([said('incoming request'), said('request completed'), said('from a request')]).toEqual([
    0, 0, 0,
  ])
  expect([said('from elsewhere'), said('an error of a request')]).toEqual([7, 7])
  expect(levels).toEqual(new Set(['info']))
  expect(Object.hasOwn(app.log, 'child')).toBe(false)
  expect(app.server.listenerCount('request')).toBe(1)
  await ask({ ...anywhere, port: (server.address() as AddressInfo).port })
  await until('a real request is logged', () => log.some(({ msg }) => msg === 'incoming request'))
})

test('2,000 times by default; not for the first generation', async () => {
  const place = openPlace()
  const first = open(place, { warmup: { requests: ['/'] } })
  let count = 0
  first.app.addHook('onRequest', async () => void count++)
  await first.app.listen(anywhere)
  await serves(first.app)
  expect(count).toBe(0)
  await first.app.close()

  await place.serve()
  const second = open(place, { warmup: { requests: ['/'] } })
  second.app.addHook('onRequest', async () => void count++)
  await second.app.listen(anywhere)
  await serves(second.app)
  expect(count).toBe(2_000)
})

test.each([
  ['HTTPS', { https: tls }],
  ['HTTP/2', { http2: true }],
  ['HTTP/2 with TLS', { http2: true, https: tls }],
])('a server of %s is warmed up as well, and logs nothing of it', async (_, options) => {
  const place = openPlace()
  await place.serve()
  const { app, log } = open(place, { warmup: { requests: ['/'], count: 10 } }, options)
  const hosts: string[] = []
  app.addHook('onRequest', async ({ hostname }) => void hosts.push(hostname))
  await app.listen(anywhere)
  await serves(app)
  expect(hosts).toEqual(Array.from({ length: 10 }, () => 'localhost'))
  expect(log.filter(({ msg }) => /request/.test(msg))).toEqual([])
})

test('a warm-up request that fails is said once, and is no reason to abort', async () => {
  const place = openPlace()
  await place.serve()
  const { app, said } = open(place, { warmup: { requests: ['/broken', '/'], count: 10 } })
  app.get('/broken', async () => {
    throw new Error('no database')
  })
  await app.listen(anywhere)
  await serves(app)
  expect(said('handoff: warm-up request GET /broken failed: status 500')).toHaveLength(1)
  expect(said('no database')).toHaveLength(1)
})

test('the health check is asked, with the app', async () => {
  const place = openPlace()
  await place.serve()
  const healthCheck = vi.fn(async () => true)
  const { app } = open(place, { healthCheck })
  await app.listen(anywhere)
  await serves(app)
  expect(healthCheck.mock.calls).toHaveLength(1)
  expect((healthCheck.mock.calls[0] as unknown[])[0]).toHaveProperty('server', app.server)
})

test.each([
  ['false', () => false, 'returned false'],
  ['a promise of false', async () => false, 'returned false'],
  [
    'an error',
    () => {
      throw new Error('no database')
    },
    'no database',
  ],
])(
  'a health check that gives %s aborts: the old process serves on',
  async (_, healthCheck, text) => {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    const { app, exit, said } = open(place, { healthCheck })
    await app.listen(anywhere)
    expect(await old.told('aborted')).toMatchObject({
      code: 'ERR_HANDOFF_UNHEALTHY',
      message: expect.stringContaining(text),
    })
    expect(exit).toHaveBeenCalledWith(1)
    expect(said('aborted')).toMatchObject([{ handoff: { serving: 'old' } }])
    const { port } = server.address() as AddressInfo
    expect(await ask({ ...anywhere, port })).toBe(String(old.system.pid))
  },
)

test('a health check that returns nothing is a mistake, and says so', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const { app, exit, said } = open(place, { healthCheck: (async () => {}) as never })
  await app.listen(anywhere)
  expect(await old.told('aborted')).toMatchObject({
    code: 'ERR_HANDOFF_INVALID_OPTION',
    message: expect.stringContaining('healthCheck returned undefined, not true'),
  })
  expect(exit).toHaveBeenCalledWith(1)
  expect(said('healthCheck returned undefined')).toHaveLength(1)
})

test('an app that closes gives up its turn at once', async () => {
  const place = openPlace()
  const { generation: old, server } = await place.serve()
  const { app, exit } = open(place)
  await app.ready()
  await app.close()
  expect(await old.told('aborted')).toMatchObject({ serving: 'old' })
  expect(exit).not.toHaveBeenCalled()
  const { port } = server.address() as AddressInfo
  expect(await ask({ ...anywhere, port })).toBe(String(old.system.pid))
})
