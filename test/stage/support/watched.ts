// A server of which every event is noted.

import type { Server } from 'node:net'
import type { Generation } from './place.ts'

/** Notes what the server emits. */
export function watch(server: Server): string[] {
  const events: string[] = []
  for (const event of ['listening', 'close', 'error']) {
    server.on(event, () => void events.push(event))
  }
  return events
}

/** A server that listens, on a path or on any port. */
export async function watched(generation: Generation, path?: string) {
  const server = generation.http()
  const events = watch(server)
  const where = path === undefined ? { host: '127.0.0.1', port: 0 } : { path }
  await generation.handoff.listen(server, where)
  return { server, events }
}
