// A Fastify app with the plugin, in this process: the real world, except that it does not exit.

import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import handoff, { type FastifyHandoffOptions } from 'fastify-socket-handoff'
import { onTestFinished, vi } from 'vitest'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import { until } from '../../support/until.ts'
import type { Place } from './place.ts'

/** The plugin runs in the real world, except that its process does not exit. */
function exits() {
  const exit = vi.spyOn(realSystem, 'exit').mockReturnValue()
  const warn = vi.spyOn(realSystem, 'warn').mockReturnValue()
  onTestFinished(() => {
    exit.mockRestore()
    warn.mockRestore()
  })
  return exit
}

interface Log {
  level: number
  msg: string
}

export function open(place: Place, options: FastifyHandoffOptions = {}, server: object = {}) {
  const exit = exits()
  const log: Log[] = []
  const stream = new Writable({
    write(line, _, done) {
      log.push(JSON.parse(String(line)))
      done()
    },
  })
  // An https or http2 server has a type of its own.
  const create = Fastify as (options: object) => FastifyInstance
  const app = create({ logger: { stream, level: 'info' }, ...server })
  onTestFinished(() => app.close())
  app.get('/', async () => 'fastify')
  app.register(handoff, { rendezvousPath: place.rendezvous, signals: false, ...options })
  return { app, exit, log, said: (text: string) => log.filter(({ msg }) => msg.includes(text)) }
}

export const anywhere = { host: '127.0.0.1', port: 0 }

/** Resolves when the app's process serves. */
export async function serves(app: FastifyInstance): Promise<void> {
  await until('the app serves', () => app.handoff.metrics().stage === 'serving')
}
