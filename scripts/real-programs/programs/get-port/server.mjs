// A server that takes its own port if that is free, and any other if not.

import http from 'node:http'
import getPort from 'get-port'

const port = await getPort({ port: Number(process.env.PORT) })
http
  .createServer((_, response) => {
    response.setHeader('x-pid', process.pid)
    response.end('hello\n')
  })
  .listen(port, () => console.log(`listening on ${port}`))
