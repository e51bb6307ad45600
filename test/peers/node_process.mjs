// The same server in Node: at the rendezvous path of its first argument, on as many ports as its second says.

import http from 'node:http'
import { createHandoff } from 'socket-handoff'

const [, , rendezvous, listeners = '1'] = process.argv
const handoff = await createHandoff({
  rendezvousPath: rendezvous,
  onEvent: ({ type, code = '' }) => console.log(type, code),
})
const servers = []
for (let i = 0; i < Number(listeners); i++) {
  const server = http.createServer((_, response) => {
    response.setHeader('x-pid', process.pid).end('hello\n')
  })
  await handoff.listen(server, { host: '127.0.0.1', port: 0 })
  servers.push(server)
}
await handoff.ready()
const ports = servers.map((server) => server.address().port)
console.log(`listening ${process.pid} ${handoff.generation} ${ports}`)
