// The plugin as the new process, and as the old one, against the other side in this same process.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import handoff, { type FastifyHandoffOptions } from 'fastify-socket-handoff'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { realSystem } from '../../packages/handoff/src/io/system.ts'
import { until } from '../support/until.ts'
import { ask } from './clients.ts'
import { openPlace, type Place } from './place.ts'

const tls = {
  key: readFileSync(new URL('../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/tls/certificate.pem', import.meta.url)),
}

/** The plugin runs in the real world, except that its process does not exit. */
function exits() {
  const exit = vi.spyOn(realSystem, 'exit').mockReturnValue()
  const warn = vi.spyOn(realSystem, 'warn').mockReturnValue()
  onTestFinished(() => {
    exit.mockRestore()
    warn.mockRestore()
  })
  return exit
}

interface Log {
  level: number
  msg: string
}

function open(place: Place, options: FastifyHandoffOptions = {}, server: object = {}) {
  const exit = exits()
  const log: Log[] = []
  const stream = new Writable({
    write(line, _, done) {
      log.push(JSON.parse(String(line)))
      done()
    },
  })
  // An https or http2 server has a type of its own.
  const create = Fastify as (options: object) => FastifyInstance
  const app = create({ logger: { stream, level: 'info' }, ...server })
  onTestFinished(() => app.close())
  app.get('/', async () => 'fastify')
  app.register(handoff, { rendezvous: place.rendezvous, signals: false, ...options })
  return { app, exit, log, said: (text: string) => log.filter(({ msg }) => msg.includes(text)) }
}

const anywhere = { host: '127.0.0.1', port: 0 }

/** Resolves when the app's process serves. */
async function serves(app: FastifyInstance): Promise<void> {
  await until('the app serves', () => app.handoff?.metrics().stage === 'serving')
}

describe('listen', () => {
  test.each(['a port', 'a Unix path'])('%s is taken over with one register line', async (kind) => {
    const place = openPlace()
    const where = kind === 'a port' ? anywhere : { path: place.path('app.sock') }
    const { server } = await place.serve({}, where)
    const address = server.address()
    const { app } = open(place)
    const at = await app.listen(where)
    expect(app.server.address()).toEqual(address)
    if (kind === 'a port') expect(at).toBe(`http://127.0.0.1:${(address as AddressInfo).port}`)
    await serves(app)
    expect(app.handoff?.generation).toBe(2)
    const target =
      typeof address === 'string'
        ? { path: address }
        : { ...anywhere, port: (address as AddressInfo).port }
    expect(await ask(target)).toBe('fastify')
    await app.close()
    expect(place.files).toEqual([])
  })

  test('with a callback, and as the first generation', async () => {
    const place = openPlace()
    const { app } = open(place)
    const [error, at] = await new Promise<[Error | null, string]>((resolve) => {
      app.listen(anywhere, (...args) => resolve(args))
    })
    expect(error).toBeNull()
    expect(await (await fetch(at)).text()).toBe('fastify')
    await serves(app)
    expect(place.files).toEqual(['rendezvous.sock'])
  })

  test('that fails is a rejection, as ever', async () => {
    const place = openPlace()
    const taken = net.createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { app } = open(place)
    await expect(app.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port,
    })
  })

  test('https', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const { app } = open(place, {}, { https: tls })
    await app.listen(anywhere)
    await serves(app)
    const { port } = server.address() as AddressInfo
    const request = https.get({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(String((await once(response, 'data'))[0])).toBe('fastify')
  })

  test('http2', async () => {
    const place = openPlace()
    const { server } = await place.serve()
    const { app } = open(place, {}, { http2: true })
    await app.listen(anywhere)
    await serves(app)
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/' })
    expect(String((await once(stream, 'data'))[0])).toBe('fastify')
    session.destroy()
  })
})

describe('before ready', () => {
  test('the warm-up is injected, as often as asked, without a line in the log', async () => {
    const place = openPlace()
    const { generation: old, server } = await place.serve()
    const { app, log } = open(place, {
      warmup: ['/', { method: 'POST', url: '/form' }],
      warmupTimes: 7,
    })
    const asked: string[] = []
    const stages = new Set<string>()
    app.post('/form', async () => 'ok')
    app.addHook('onRequest', async ({ method, url }) => {
      asked.push(`${method} ${url}`)
      stages.add(old.handoff.metrics().stage)
    })
    await app.listen(anywhere)
    await serves(app)
    expect(asked).toEqual([
      ...Array.from({ length: 3 }, () => ['GET /', 'POST /form']).flat(),
      'GET /',
    ])
    expect(stages, 'of the old process meanwhile').toEqual(new Set(['send']))
    expect(log.filter(({ msg }) => /request/.test(msg))).toEqual([])
    expect(app.log.level).toBe('info')
    await ask({ ...anywhere, port: (server.address() as AddressInfo).port })
    await until('a real request is logged', () => log.some(({ msg }) => msg === 'incoming request'))
  })

  test('300 times by default; not for the first generation', async () => {
    const place = openPlace()
    const first = open(place, { warmup: ['/'] })
    let count = 0
    first.app.addHook('onRequest', async () => void count++)
    await first.app.listen(anywhere)
    await serves(first.app)
    expect(count).toBe(0)
    await first.app.close()

    await place.serve()
    const second = open(place, { warmup: ['/'] })
    second.app.addHook('onRequest', async () => void count++)
    await second.app.listen(anywhere)
    await serves(second.app)
    expect(count).toBe(300)
  })

  test('a warm-up request that fails is said once, and is no reason to abort', async () => {
    const place = openPlace()
    await place.serve()
    const { app, said } = open(place, { warmup: ['/broken', '/'], warmupTimes: 10 })
    app.get('/broken', async () => {
      throw new Error('no database')
    })
    await app.listen(anywhere)
    await serves(app)
    expect(said('a warm-up request failed')).toHaveLength(1)
  })

  test('the health check is asked, with the app', async () => {
    const place = openPlace()
    await place.serve()
    const healthCheck = vi.fn(async () => undefined)
    const { app } = open(place, { healthCheck })
    await app.listen(anywhere)
    await serves(app)
    expect(healthCheck.mock.calls).toHaveLength(1)
    expect((healthCheck.mock.calls[0] as unknown[])[0]).toHaveProperty('server', app.server)
  })

  test.each([
    ['false', () => false, 'said false'],
    ['a promise of false', async () => false, 'said false'],
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
})

test('two apps share one handoff: ready when both are, closed when both are', async () => {
  const place = openPlace()
  const path = place.path('second.sock')
  const { generation: old } = await place.serve({}, anywhere, { path })
  const first = open(place).app
  const second = open(place).app
  await Promise.all([first.ready(), second.ready()])
  expect(first.handoff).toBe(second.handoff)
  await first.listen(anywhere)
  expect(await ask({ path })).toBe(String(old.system.pid))
  expect(first.handoff?.metrics().stage).toBe('adopt')
  await second.listen({ path })
  await serves(first)
  expect(await ask({ path })).toBe('fastify')
  await first.close()
  expect(await ask({ path })).toBe('fastify')
  expect(existsSync(place.rendezvous)).toBe(true)
  await second.close()
  expect(place.files).toEqual([])
})

test('the old app closes with its hooks before its process exits, and its clients get no 503', async () => {
  const place = openPlace()
  const { app, exit } = open(place, { probationMs: 0 })
  const log: string[] = []
  let finish = (_: string) => {}
  const reply = new Promise<string>((resolve) => {
    finish = resolve
  })
  app.get('/slow', () => reply)
  app.addHook('preClose', async () => void log.push('preClose'))
  app.addHook('onClose', async () => void log.push('onClose'))
  await app.listen(anywhere)
  await serves(app)
  const { port } = app.server.address() as AddressInfo
  const answer = ask({ ...anywhere, port }, { path: '/slow' })
  await until('the request is in flight', () => app.handoff?.metrics().connections === 1)
  const { generation: next } = await place.serve({}, { host: '127.0.0.1', port })
  expect(await ask({ ...anywhere, port })).toBe(String(next.system.pid))
  expect(log).toEqual([])
  finish('whole')
  expect(await answer).toBe('whole')
  await until('the process exits', () => exit.mock.calls.length > 0)
  expect(exit.mock.calls).toEqual([[0]])
  expect(log).toEqual(['preClose', 'onClose'])
})

test('the log says what happens, in the words of the glossary', async () => {
  const place = openPlace()
  const { generation: old } = await place.serve()
  const { app, log } = open(place)
  await app.listen(anywhere)
  await serves(app)
  const lines = log.filter(({ msg }) => msg.startsWith('handoff:'))
  expect(lines).toMatchObject([
    { level: 30, msg: `handoff: generation 2 serves, replacing pid ${old.system.pid}` },
  ])
})
