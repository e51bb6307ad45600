// Clients cheaper than any server they measure: they write one fixed request and count replies.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** `kept`: connections live through the round; `new`: each carries one request. */
export type Connections = 'kept' | 'new'

/** Requests a second over so many connections at a time, for so long. */
export async function requestsPerSecond(
  port: number,
  kind: Connections,
  connections: number,
  ms: number,
): Promise<number> {
  let replies = 0
  const ended = new AbortController()
  const client = kind === 'kept' ? keepAsking : askAnew
  const clients = Array.from({ length: connections }, () =>
    client(port, ended.signal, () => replies++),
  )
  await pause(ms / 10) // Until all of them are under way.
  const [startedAt, before] = [performance.now(), replies]
  await pause(ms)
  const perSecond = ((replies - before) / (performance.now() - startedAt)) * 1000
  ended.abort()
  await Promise.all(clients)
  return perSecond
}

/** Asks again as soon as a whole reply has come: all replies are of one length. */
async function keepAsking(port: number, ended: AbortSignal, onReply: () => void): Promise<void> {
  const socket = await open(port)
  socket.write(requestWith('keep-alive'))
  const [first] = (await once(socket, 'data')) as [Buffer]
  let missing = first.length
  socket.on('data', (data) => {
    missing -= data.length
    if (missing > 0) return
    onReply()
    missing = first.length
    if (ended.aborted) socket.destroy()
    else socket.write(requestWith('keep-alive'))
  })
  socket.write(requestWith('keep-alive'))
  await once(socket, 'close')
}

/** Connects again as soon as the server has answered and closed. */
async function askAnew(port: number, ended: AbortSignal, onReply: () => void): Promise<void> {
  while (!ended.aborted) {
    const socket = await open(port)
    socket.resume().write(requestWith('close'))
    await once(socket, 'close')
    onReply()
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function requestWith(connection: 'keep-alive' | 'close'): string {
  return `GET / HTTP/1.1\r\nHost: bench\r\nConnection: ${connection}\r\n\r\n`
}
