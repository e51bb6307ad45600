// pm2 in cluster mode. It is AGPL, so no dependency of this repository: users install it elsewhere.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { freePort } from '../../test/support/free-port.ts'
import { answers, untilReplaced } from './answers.ts'
import { appCommand, appFile } from './app/app.ts'
import type { Peer } from './peer.ts'
import { which } from './which.ts'

/** PM2 names the command if it is not in PATH. */
export function pm2Command(): string | undefined {
  return process.env.PM2 ?? which('pm2')
}

export const pm2: Peer = {
  name: 'pm2',
  about: 'Fastify under pm2 in cluster mode, `pm2 reload`; the Node.js process is replaced',
  program: appCommand('stops'),
  startsAgain: true,
  missing: () =>
    pm2Command() === undefined
      ? 'npm install --prefix DIR pm2, outside of this repository, then PM2=DIR/node_modules/.bin/pm2'
      : undefined,
  async start(resources) {
    const port = await freePort()
    const env = { ...process.env, PORT: `${port}`, PM2_HOME: resources.directory() }
    const run = (...args: string[]) => promisify(execFile)(pm2Command() ?? 'pm2', args, { env })
    // No request takes longer. The default of 1.6 s would cut requests of 2 s.
    const patience = ['--wait-ready', '--listen-timeout', '20000', '--kill-timeout', '20000']
    await run('start', appFile, '--name', 'bench', '--instances', '1', ...patience, '--', 'stops')
    await answers(port)
    const trigger = async () => {
      // Only the command can ask for it. Its own start counts, as it does for users.
      run('reload', 'bench').catch(() => {})
    }
    return {
      port,
      trigger,
      reload: () => untilReplaced(port, () => run('reload', 'bench')),
      stop: async () => void (await run('kill')),
    }
  },
}
