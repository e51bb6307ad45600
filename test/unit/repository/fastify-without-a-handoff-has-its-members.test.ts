// `app.handoff` without a handoff: the same program runs, and what needs one says so.

import dgram from 'node:dgram'
import net, { type AddressInfo } from 'node:net'
import Fastify from 'fastify'
import handoff from 'fastify-socket-handoff'
import type { Handoff } from 'socket-handoff'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HandoffProcess } from '../../../packages/handoff/src/process/handoff.ts'

async function inactive(): Promise<Handoff> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(handoff, { enabled: false })
  return app.handoff
}

const refused = expect.objectContaining({ code: 'ERR_HANDOFF_INACTIVE' })

test('it has every member of a handoff', async () => {
  const members = Object.getOwnPropertyNames(HandoffProcess.prototype)
  const own = await inactive()
  for (const name of Object.keys(own)) expect(members).toContain(name)
  expect(Object.keys(own)).toHaveLength(19)
})

test('its process is the first generation, and leads', async () => {
  const own = await inactive()
  expect(own).toMatchObject({ active: false, generation: 1 })
  await own.leadership
  expect(own.isAdopted(new net.Socket())).toBe(false)
})

test('servers and sockets listen as Node makes them', async () => {
  const own = await inactive()
  const server = net.createServer()
  const socket = dgram.createSocket('udp4')
  onTestFinished(() => void server.close())
  onTestFinished(() => void socket.close())
  await own.listen(server, { host: '127.0.0.1', port: 0, name: 'second' })
  await own.bind(socket, { address: '127.0.0.1', port: 0 })
  expect(socket.address().port).toBeGreaterThan(0)
  const { port } = server.address() as AddressInfo
  await expect(own.listen(net.createServer(), { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
})

test('registrations return an undo and call no hook', async () => {
  const own = await inactive()
  const hook = vi.fn()
  const undos = [
    own.moveWebSockets({ clients: new Set() } as never, { export: hook, import: hook }),
    own.moveConnections(net.createServer(), { atRest: hook }),
    own.interceptListen(hook),
    own.state('key', { export: hook, import: hook }),
    own.onExit(hook),
  ]
  own.recheck()
  await own.ready()
  own.release()
  for (const undo of undos) expect(undo()).toBeUndefined()
  expect(hook).not.toHaveBeenCalled()
})

test('what needs a handoff fails with ERR_HANDOFF_INACTIVE', async () => {
  const own = await inactive()
  await expect(own.restart()).rejects.toEqual(refused)
  await expect(own.stop()).rejects.toEqual(refused)
  const cause = new Error('no database')
  expect(() => own.abort(cause)).toThrow(expect.objectContaining({ cause }))
  expect(() => own.abort(cause)).toThrow(refused)
})

test('its metrics have the same shape, and count nothing', async () => {
  const own = await inactive()
  const metrics = own.metrics()
  expect(metrics).toMatchObject({ generation: 1, stage: 'serving', listeners: [], connections: 0 })
  expect(metrics.open.http + metrics.fates.forced.tls + metrics.handoffs.aborted).toBe(0)
  metrics.open.http = 1
  expect(own.metrics().open.http).toBe(0)
})
