// No reload at all: a second process of the same program boots beside the one that serves.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { freePort } from '../../test/support/free-port.ts'
import { end } from './answers.ts'
import { appCommand, appFile } from './app/app.ts'
import type { Peer } from './peer.ts'
import { startPlain } from './upstream.ts'

/**
 * The floor of what clients notice when a program in Node.js starts on this machine: its boot takes a core.
 *
 * @remarks The second process has a port of its own, gets no client, and exits when it listens.
 */
export const bareBoot: Peer = {
  name: 'bare-boot',
  about:
    'Fastify, which goes on serving while a second process of the same program boots and exits: no reload',
  isReference: true,
  missing: () => undefined,
  async start(resources) {
    const server = await startPlain(resources)
    return {
      port: server.port,
      async trigger() {
        const env = { ...process.env, PORT: `${await freePort()}` }
        const child = resources.spawn(process.execPath, appCommand(), {
          env,
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        if (child.stdout === null) throw new Error(`cannot read the output of ${appFile}`)
        once(createInterface(child.stdout), 'line').then(() => end(child, 'SIGKILL'))
      },
      async reload() {
        throw new Error('cannot reload bare-boot: it replaces nothing.')
      },
      stop: server.stop,
    }
  },
}
