// The real systemd-socket-activate and systemd-notify, with real servers. Skipped without them.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, main, makeProject, serverReplying } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { gone } from '../../support/process-facts.ts'
import { has, Service, serviceEntry } from '../../support/service.ts'

const activates = has('systemd-socket-activate')
const notifies = has('systemd-notify')

/** Everything that the program gets; systemd-socket-activate passes on no more than it is told to. */
async function activated(command: readonly string[]) {
  const port = await freePort()
  const env = { PORT: String(port) }
  const names = ['PORT', 'HANDOFF_DIR', 'NO_COLOR', 'TEST_SERVICE_ID']
  const service = new Service(
    [
      'systemd-socket-activate',
      `--listen=127.0.0.1:${port}`,
      ...names.map((name) => `--setenv=${name}`),
      ...command,
    ],
    { env },
  )
  await service.output.waitFor(/Listening on/)
  return { service, port }
}

test.skipIf(!activates)(
  'a bare server is started by its first client (systemd-socket-activate), and replaces itself',
  async () => {
    const { service, port } = await activated([process.execPath, serviceEntry])
    expect(await ask(port)).toBe('hello\n')
    const first = await service.listens()
    expect(first).toEqual({ pid: service.pid, port })

    process.kill(first.pid, 'SIGUSR2')
    const second = await service.listens()
    expect(second.port).toBe(port)
    expect(await ask(port)).toBe('hello\n')
    process.kill(second.pid, 'SIGTERM')
    await gone(first.pid)
    await gone(second.pid)
    expect(`${service.output}`).not.toContain('no longer listened on')
  },
)

test.skipIf(!activates)(
  'handoff run hands the socket of its unit to the server, again after a crash',
  async () => {
    const { service, port } = await activated([
      ...[process.execPath, main, 'run', '--name', 'web', serviceEntry],
    ])
    expect(await ask(port)).toBe('hello\n')
    const first = await service.listens()
    expect(first.port).toBe(port)

    process.kill(first.pid, 'SIGKILL')
    expect(await ask(port)).toBe('hello\n')
    const second = await service.listens()
    expect(second.pid).not.toBe(first.pid)

    process.kill(service.pid, 'SIGTERM')
    await gone(service.pid)
    await gone(second.pid)
    expect(`${service.output}`).not.toContain('no longer listened on')
  },
)

test.skipIf(!activates)('a Fastify server needs its one register line', async () => {
  const entry = new URL('../../fixtures/fastify-service.mjs', import.meta.url).pathname
  const { service, port } = await activated([process.execPath, entry])
  expect(await ask(port)).toBe('hello')
  expect(await service.listens()).toEqual({ pid: service.pid, port })
})

test.skipIf(!notifies)('systemd-notify gets its barrier from the supervisor', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { port } = await run.listens()
  const NOTIFY_SOCKET = join(project.runs, 'web/notify.sock')
  // It fails where nobody closes the descriptor of BARRIER=1.
  await promisify(execFile)('systemd-notify', ['--status=from outside'], {
    env: { ...process.env, NOTIFY_SOCKET },
  })
  expect(await ask(port)).toBe('here')
})
