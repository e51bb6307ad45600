// A client cheaper than any server it measures: it writes one fixed request and counts bytes.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const request = Buffer.from('GET / HTTP/1.1\r\nHost: bench\r\n\r\n')

/** Requests a second over so many keep-alive connections, for so long. */
export async function requestsPerSecond(
  port: number,
  connections: number,
  ms: number,
): Promise<number> {
  let replies = 0
  const sockets = await Promise.all(
    Array.from({ length: connections }, () => ask(port, () => replies++)),
  )
  const [startedAt, before] = [performance.now(), replies]
  await pause(ms)
  const perSecond = ((replies - before) / (performance.now() - startedAt)) * 1000
  for (const socket of sockets) socket.destroy()
  return perSecond
}

/** Asks again as soon as a whole reply has come: all replies are of one length. */
async function ask(port: number, onReply: () => void): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(request)
  const [first] = (await once(socket, 'data')) as [Buffer]
  let missing = first.length
  socket.on('data', (data) => {
    missing -= data.length
    if (missing > 0) return
    onReply()
    missing = first.length
    socket.write(request)
  })
  socket.write(request)
  return socket
}
