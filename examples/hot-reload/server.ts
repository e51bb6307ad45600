// A Fastify server that is replaced while it serves. Edit it, save it, and ask again.

import Fastify from 'fastify'
import handoff from 'fastify-socket-handoff'

const app = Fastify()
await app.register(handoff, { warmup: ['/'] })

app.get('/', async () => `Hello from generation ${app.handoff?.generation ?? 1}\n`)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
