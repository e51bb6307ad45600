// HAProxy in front of the server: SIGUSR2 to its master replaces its worker process.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { answers, end, untilReplaced } from './answers.ts'
import type { Peer } from './peer.ts'
import { startPlain } from './upstream.ts'
import { which } from './which.ts'

export const haproxy: Peer = {
  name: 'haproxy',
  about:
    'HAProxy, one thread, as a proxy before Fastify; its configuration is reloaded, Fastify stays',
  missing: () =>
    which('haproxy') === undefined ? 'apt-get install haproxy, or brew install haproxy' : undefined,
  async start(resources) {
    const upstream = await startPlain(resources)
    const [port, directory] = [await freePort(), resources.directory()]
    const file = join(directory, 'haproxy.cfg')
    writeFileSync(file, configuration(port, upstream.port, directory))
    const child = resources.spawn(which('haproxy') ?? 'haproxy', ['-W', '-f', file], {
      stdio: 'ignore',
    })
    await answers(port)
    const trigger = async () => void child.kill('SIGUSR2')
    return {
      port,
      trigger,
      reload: () => untilReplaced(port, trigger),
      async stop() {
        await end(child)
        await upstream.stop()
      },
    }
  },
}

/** The new worker takes the listeners from the old one (`expose-fd listeners`), so that none is closed. */
function configuration(port: number, upstream: number, directory: string): string {
  return `global
  nbthread 1
  maxconn 4096
  stats socket ${directory}/haproxy.sock level admin expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 65s
  timeout server 65s
  timeout tunnel 1h
frontend clients
  bind 127.0.0.1:${port}
  http-response set-header x-pid %pid
  default_backend app
backend app
  http-reuse always
  server app 127.0.0.1:${upstream}
`
}
