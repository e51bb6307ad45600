// A line protocol over TCP: the server counts each line and returns it. The count moves with the
// connection when the server is replaced.

import net, { type Socket } from 'node:net'
import { createHandoff } from 'socket-handoff'

interface Session {
  /** Lines answered so far. */
  count: number
  /** The beginning of a line of which the rest has not come. */
  rest: string
}

const sessions = new WeakMap<Socket, Session>()
const sessionOf = (socket: Socket) => sessions.get(socket) as Session

const handoff = await createHandoff()
const server = net.createServer((socket) => {
  const session: Session = { count: 0, rest: '' }
  sessions.set(socket, session)
  if (!handoff.isAdopted(socket)) socket.write('welcome\n')
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (session.rest + text).split('\n')
    session.rest = lines.pop() ?? ''
    for (const line of lines) {
      session.count += 1
      socket.write(`${session.count} ${line} (generation ${handoff.generation})\n`)
    }
  })
  socket.on('error', () => socket.destroy()) // The client has disconnected.
})
handoff.moveConnections(server, {
  // Each line is answered when it is read, so no work is under way between two reads. Half a line
  // keeps the connection here, and so does part of a character in the decoder of setEncoding.
  atRest: (socket) => sessionOf(socket).rest === '',
  export: (socket) => sessionOf(socket).count,
  import: (socket, count) => {
    sessionOf(socket).count = count as number
  },
})
await handoff.listen(server, { port: Number(process.env.PORT ?? 4000) })
await handoff.ready()
