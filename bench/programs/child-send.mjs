// The way of Node itself: child.send(message, socket). Started by bench/suites/passing.ts, as both sides:
// the parent accepts COUNT connections, sends each to a child, and prints milliseconds to its last ack.

import { fork } from 'node:child_process'
import http from 'node:http'
import { fileURLToPath } from 'node:url'

const count = Number(process.argv[2])

if (process.send === undefined) {
  const sockets = []
  const server = http.createServer()
  server.on('connection', (socket) => {
    sockets.push(socket)
    if (sockets.length === count) pass(sockets)
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
} else {
  const server = http.createServer((_request, response) => response.end())
  let received = 0
  process.on('message', (_message, socket) => {
    server.emit('connection', socket)
    received += 1
    if (received === count) process.send('all')
  })
  process.send('ready')
}

function pass(sockets) {
  const child = fork(fileURLToPath(import.meta.url), [String(count)])
  let from = 0
  child.on('message', (message) => {
    if (message === 'ready') {
      from = performance.now()
      for (const socket of sockets) child.send('connection', socket)
      return
    }
    console.log((performance.now() - from).toFixed(1))
    process.exit()
  })
}
