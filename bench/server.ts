// The server of the benchmarks: Fastify, with the plugin when the argument says so.

import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'

const app = Fastify()
if (process.argv[2] === 'plugin')
  await app.register((await import('fastify-socket-handoff')).default)
app.get('/', async () => ({ hello: 'world' }))
await app.listen({ host: '127.0.0.1', port: 0 })
console.log(`listening ${process.pid} ${(app.server.address() as AddressInfo).port}`)
