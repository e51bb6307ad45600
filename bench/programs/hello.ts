// A small server: Fastify, with the plugin if the argument is `plugin`.

import Fastify from 'fastify'

const app = Fastify()
if (process.argv[2] === 'plugin')
  await app.register((await import('fastify-socket-handoff')).default)
app.get('/', async (_, reply) => {
  reply.header('x-pid', process.pid)
  return { hello: 'world' }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
