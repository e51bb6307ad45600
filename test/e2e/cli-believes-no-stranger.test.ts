import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { makeProject, type Project, serverReplying } from '../support/cli-project.ts'
import { Output } from '../support/output.ts'
import { hasProc } from '../support/process-facts.ts'
import { until } from '../support/until.ts'

const datagram = fileURLToPath(
  new URL('../../packages/handoff/dist/io/datagram.js', import.meta.url),
)

/** Tells the supervisor that it serves, and lives until its stdin ends. */
const impostor = `
  const { sendDatagram } = await import(process.argv[1])
  const event = {
    type: 'serving', replaces: null, listeners: [], pid: process.pid, generation: 9, elapsedMs: 0,
  }
  sendDatagram(process.argv[2], 'READY=1\\nX_HANDOFF_EVENT=' + JSON.stringify(event))
  console.log('sent')
  process.stdin.resume()
`

async function startImpostor(project: Project, env: NodeJS.ProcessEnv): Promise<number> {
  const socket = join(project.runs, 'web/notify.sock')
  const child = spawn(process.execPath, ['--input-type=module', '-e', impostor, datagram, socket], {
    env: { ...project.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  await new Output().collect(child.stdout).waitFor(/^sent/)
  return child.pid as number
}

test.skipIf(!hasProc)('only a process that was started for this run is believed', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid } = await run.listens()

  await startImpostor(project, {})
  expect(await project.status('web')).toMatchObject({ generation: 1, processes: [{ pid }] })

  const known = await startImpostor(project, {
    NOTIFY_SOCKET: join(project.runs, 'web/notify.sock'),
  })
  await until('it is believed', async () => (await project.status('web')).serving === known)
})
