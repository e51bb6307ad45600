// The server of bench/workers.ts: plain node:http, which knows nothing of whoever runs it.

import http from 'node:http'

http
  .createServer((_request, response) => response.setHeader('x-pid', process.pid).end('hello\n'))
  .listen(Number(process.env.PORT), '127.0.0.1')
