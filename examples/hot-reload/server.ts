// A Fastify server to edit while it serves. Open its page, edit this file, save it.

import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import websocket, { type WebSocket } from '@fastify/websocket'
import Fastify from 'fastify'
import handoff from 'fastify-socket-handoff'

const greeting = 'Hello'

const app = Fastify()
await app.register(handoff, { warmup: { requests: ['/hello'] } })
await app.register(websocket)

const { generation } = app.handoff
const answer = { words: `${greeting} from generation ${generation}`, generation }

app.get('/', (_, reply) =>
  reply.type('text/html').send(createReadStream(new URL('page.html', import.meta.url))),
)
app.get('/hello', (request) => ({ ...answer, port: request.socket.remotePort }))

/** The server's state of a WebSocket; it moves with the WebSocket. */
interface Session {
  id: string
  openedAt: number
  messages: number
}
const sessions = new WeakMap<WebSocket, Session>()
const hooks = {
  export: (socket: WebSocket) => sessions.get(socket),
  import: (socket: WebSocket, _: unknown, session: unknown) =>
    void sessions.set(socket, session as Session),
}

app.get('/live', { websocket: true, handoff: hooks }, (socket) => {
  sessions.set(socket, { id: randomUUID().slice(0, 8), openedAt: Date.now(), messages: 0 })
  socket.on('message', (data) => {
    const session = sessions.get(socket) as Session
    session.messages += 1
    const ageMs = Date.now() - session.openedAt
    socket.send(JSON.stringify({ ...answer, ...session, ageMs, echo: String(data) }))
  })
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
