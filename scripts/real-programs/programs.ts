// The programs: how each is started, and what its clients do.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Load, type Mix } from '../../test/support/load/load.ts'
import { type Clients, grpcClients, mqttClients } from './clients.ts'

export interface Program {
  /** The folder in `programs/`. */
  readonly name: string
  /** What `handoff run` gets, after its own flags. */
  command(port: number, modules: string): readonly string[]
  /** The line on stdout by which the first generation says that it serves. */
  readonly serves: RegExp
  /** What has to be done once before the start. */
  build?(folder: string, modules: string): void
  clients(modules: string): Clients
}

const mix: Mix = { newConnection: 8, closedByClient: 4, keepAlive: 4 }

const httpClients = (): Clients => async (port, tally, stopped) => {
  const load = new Load({ port }, mix, { tally, restMs: 0 })
  while (!stopped()) await load.more(1)
  await load.stop()
}

const server = (name: string, entry: string, clients: Program['clients']): Program => ({
  name,
  command: () => [entry],
  serves: /^listening/,
  clients,
})

const next = (modules: string) => join(modules, 'node_modules/next/dist/bin/next')

export const programs: readonly Program[] = [
  server('grpc', 'server.cjs', grpcClients),
  server('get-port', 'server.mjs', httpClients),
  server('health-first', 'server.mjs', httpClients),
  {
    name: 'next',
    command: (port, modules) => [next(modules), 'start', '--port', String(port)],
    serves: /Ready in/,
    build: (folder, modules) => {
      const { status } = spawnSync(process.execPath, [next(modules), 'build'], {
        cwd: folder,
        env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      if (status !== 0) throw new Error('next could not build its example')
    },
    clients: httpClients,
  },
  server('nest', 'main.mjs', httpClients),
  server('mqtt', 'server.mjs', mqttClients),
]
