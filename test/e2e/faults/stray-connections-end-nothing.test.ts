import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  ask,
  makeProject,
  type Project,
  serverReplying,
  untilFile,
} from '../../support/cli-project.ts'
import { frame, HELLO } from '../../support/frames.ts'

/** The second generation looks for the old process when there is a file `go`. */
const bootsLater = serverReplying('one').replace(
  'const handoff = await createHandoff()',
  `if (process.env.HANDOFF_GENERATION === '2') {
      ${untilFile('go', 'booting')}
    }
    const handoff = await createHandoff()`,
)

async function stray(project: Project): Promise<Socket> {
  const socket = connect(join(project.runs, 'web/rendezvous.sock'))
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const strays: Record<string, (project: Project) => Promise<unknown>> = {
  'connects and goes away': async (project) => (await stray(project)).destroy(),
  'connects and says nothing': stray,
  'says nonsense': async (project) => (await stray(project)).write('GET / HTTP/1.1\r\n\r\n'),
  'says hello and goes away': async (project) => {
    const socket = await stray(project)
    socket.end(frame(HELLO, { versions: [1], pid: process.pid }))
    await once(socket.resume(), 'close')
  },
}

test.each(Object.entries(strays))('a process that %s ends no start', async (_, act) => {
  const project = makeProject({ 'server.mjs': bootsLater })
  const run = project.run(['--name', 'web', '--probation', '0', 'server.mjs'])
  const { port } = await run.listens()
  const reload = project.handoff('reload', 'web')
  await run.prints(/^booting/)
  await act(project)
  writeFileSync(join(project.path, 'go'), '')
  const { exitCode, stderr } = await reload
  expect(exitCode, stderr).toBe(0)
  expect(await ask(port)).toBe('one')
})
