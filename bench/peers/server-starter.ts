// Server::Starter, which passes its listening socket to each process that it starts.

import { freePort } from '../../test/support/free-port.ts'
import { answers, end, untilReplaced } from './answers.ts'
import { appCommand } from './app/app.ts'
import type { Peer } from './peer.ts'
import { which } from './which.ts'

export const serverStarter: Peer = {
  name: 'server-starter',
  about:
    'Fastify under start_server of Server::Starter; a new process starts, then the old one stops gracefully',
  program: appCommand('stops'),
  startsAgain: true,
  missing: () =>
    which('start_server') === undefined
      ? 'apt-get install libserver-starter-perl, or cpanm Server::Starter'
      : undefined,
  async start(resources) {
    const port = await freePort()
    const program = [process.execPath, ...appCommand('stops')]
    const child = resources.spawn(
      which('start_server') ?? 'start_server',
      [`--port=127.0.0.1:${port}`, '--interval=1', '--', ...program],
      { stdio: 'ignore' },
    )
    await answers(port)
    const trigger = async () => void child.kill('SIGHUP')
    return { port, trigger, reload: () => untilReplaced(port, trigger), stop: () => end(child) }
  },
}
