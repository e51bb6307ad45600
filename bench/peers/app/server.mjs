// The program that all peers in Node.js run: Fastify, with a reply of each kind and a WebSocket echo.
//
// `plugin` as its argument registers fastify-socket-handoff; a number behind it is that of the requests of its
// warm-up. `stops` has it stop gracefully at SIGTERM, SIGINT, and the message of pm2 and of our node:cluster
// primary, as the documentation of Fastify shows it.

import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { echo, hooks } from '../../../test/fixtures/counting-echo.mjs'
import { addRoutes } from '../../../test/fixtures/fastify-routes.mjs'

const [, , mode, warmups = '0'] = process.argv
const hasPlugin = mode === 'plugin'
const app = Fastify()
const warmup = Number(warmups) > 0 && { warmup: { requests: ['/'], count: Number(warmups) } }
if (hasPlugin) await app.register((await import('fastify-socket-handoff')).default, { ...warmup })
await app.register(websocket)
addRoutes(app)
app.get('/echo', { websocket: true, ...(hasPlugin && { handoff: hooks }) }, echo)
// Server::Starter: `127.0.0.1:8080=3`, the address and the descriptor that listens there.
const inherited = process.env.SERVER_STARTER_PORT?.split('=').at(-1)
if (inherited === undefined) await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
else {
  await app.ready()
  app.server.listen({ fd: Number(inherited) })
}
process.send?.('ready')
console.log(`listening ${process.pid} ${process.env.PORT}`)

if (mode === 'stops') {
  const stop = async () => {
    // Fastify closes only what it has opened itself.
    if (inherited !== undefined) app.server.close()
    await app.close()
    process.exit()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
  process.on('message', (message) => message === 'shutdown' && stop())
}
