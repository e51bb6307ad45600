// A small server: Fastify, with the plugin if an argument is `plugin`, over TLS if one is `secure`.

import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions } from 'fastify'
import { identity } from './identity.ts'

const has = (word: string) => process.argv.includes(word)
const options = has('secure') ? { https: identity } : {}
const app = Fastify(options as FastifyHttpOptions<Server>)
if (has('plugin')) await app.register((await import('fastify-socket-handoff')).default)
app.get('/', async (_, reply) => {
  reply.header('x-pid', process.pid)
  return { hello: 'world' }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
