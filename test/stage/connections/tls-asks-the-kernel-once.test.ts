// Which of many TLS connections can leave is one question to the kernel.

import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { plainLayer } from '../../../packages/handoff/src/connections/moving/layer.ts'
import { TlsLayer } from '../../../packages/handoff/src/connections/tls/layer.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { countTlsRecords } from '../../../packages/handoff/src/io/native/tls-counts.ts'
import { until } from '../../support/until.ts'
import { tls as identity } from '../support/tls.ts'

/** A server, and its sockets of three clients that have said a word and were answered. */
async function served(): Promise<{ sockets: tls.TLSSocket[]; clients: tls.TLSSocket[] }> {
  countTlsRecords()
  const sockets: tls.TLSSocket[] = []
  const server = tls.createServer(identity, (socket) => {
    sockets.push(socket)
    socket.on('data', (data) => socket.write(data))
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const clients: tls.TLSSocket[] = []
  for (let made = 0; made < 3; made++) {
    const client = tls.connect({ port, host: '127.0.0.1', ca: identity.cert })
    onTestFinished(() => void client.destroy())
    client.write('word')
    await once(client, 'data')
    clients.push(client)
  }
  return { sockets, clients }
}

test.skipIf(process.platform !== 'linux')('for all that are at rest', async () => {
  const { sockets, clients } = await served()
  const layer = new TlsLayer(() => {})
  await until('all is with the kernel', () => layer.canLeave(sockets).every(Boolean))
  const asked = vi.spyOn(loadNative(), 'readProgress')
  onTestFinished(() => asked.mockRestore())
  expect(layer.canLeave(sockets)).toEqual([true, true, true])
  expect(asked).toHaveBeenCalledTimes(1)
  expect(layer.canLeave([])).toEqual([])
  expect(asked).toHaveBeenCalledTimes(1)
  // An alert is under way: this one ends.
  clients[1]?.end()
  await once(sockets[1] as tls.TLSSocket, 'end')
  expect(layer.canLeave(sockets)).toEqual([true, false, true])
})

test('a connection below TLS of the application stays', async () => {
  const server = net.createServer()
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const sockets: Socket[] = []
  for (let made = 0; made < 2; made++) {
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    const [socket] = (await once(server, 'connection')) as [Socket]
    sockets.push(socket)
  }
  const above = new tls.TLSSocket(sockets[1] as Socket, { isServer: true, ...identity })
  onTestFinished(() => void above.destroy())
  expect(plainLayer.canLeave(sockets)).toEqual([true, false])
})
