// A server whose health port listens at once, and its main port when its database is connected.

import http from 'node:http'
import { setTimeout as connectToDatabase } from 'node:timers/promises'

const serve = (port) =>
  http
    .createServer((_, response) => {
      response.setHeader('x-pid', process.pid)
      response.end('hello\n')
    })
    .listen(port, '127.0.0.1')

serve(Number(process.env.HEALTH_PORT))
await connectToDatabase(2500)
serve(Number(process.env.PORT)).on('listening', () => console.log('listening'))
