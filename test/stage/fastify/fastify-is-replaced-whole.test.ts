// The plugin as the new process, and as the old one, against the other side in this same process.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../../support/until.ts'
import { ask } from '../support/clients.ts'
import { anywhere, open, serves } from '../support/fastify-app.ts'
import { openPlace } from '../support/place.ts'
import { tls } from '../support/tls.ts'

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
    expect(app.handoff.generation).toBe(2)
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
  expect(first.handoff.metrics().stage).toBe('adopt')
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
  await until('the request is in flight', () => app.handoff.metrics().connections === 1)
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
  await place.serve()
  const { app, log } = open(place)
  await app.listen(anywhere)
  await serves(app)
  const lines = log.filter(({ msg }) => msg.startsWith('handoff:'))
  expect(lines).toMatchObject([
    {
      level: 30,
      msg: expect.stringMatching(
        /^handoff: generation 2 \(pid \d+\) serves on tcp:127\.0\.0\.1:\d+ after \d+ ms, in place of generation 1$/,
      ),
    },
  ])
})
