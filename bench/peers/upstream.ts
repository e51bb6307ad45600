// The server behind a proxy: it is not replaced.

import { freePort } from '../../test/support/free-port.ts'
import type { Resources } from '../core/resources.ts'
import { answers, end } from './answers.ts'
import { appCommand } from './app/app.ts'

export async function startPlain(
  resources: Resources,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const port = await freePort()
  const child = resources.spawn(process.execPath, appCommand(), {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'ignore',
  })
  await answers(port)
  return { port, pid: child.pid ?? 0, stop: () => end(child, 'SIGKILL') }
}
