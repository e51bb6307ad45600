// node:cluster with a rolling restart.

import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { answers, end, untilReplaced } from './answers.ts'
import { appCommand } from './app/app.ts'
import type { Peer } from './peer.ts'

const primary = fileURLToPath(new URL('cluster/primary.mjs', import.meta.url))

export const cluster: Peer = {
  name: 'cluster',
  about:
    'Fastify as a worker of node:cluster; a new worker starts, then the old one stops gracefully',
  program: appCommand('stops'),
  startsAgain: true,
  missing: () => undefined,
  async start(resources) {
    const port = await freePort()
    const child = resources.spawn(process.execPath, [primary], {
      env: { ...process.env, PORT: `${port}` },
      stdio: 'ignore',
    })
    await answers(port)
    const trigger = async () => void child.kill('SIGHUP')
    return {
      port,
      trigger,
      reload: () => untilReplaced(port, trigger),
      stop: () => end(child),
    }
  },
}
