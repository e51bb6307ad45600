// The first listen of a new process waits for the old one, which may hang; the program runs all the same.

import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'

/** Says that its turns go on after the listen, and what it does at SIGTERM. */
const says = `
  console.log('has called listen', process.pid, server.listening)
  setTimeout(() => console.log('goes on', process.pid), 0)
  process.on('SIGTERM', () => {
    console.log('own SIGTERM')
    process.exit(7)
  })
`

async function hang(...flags: string[]) {
  const project = makeProject({ 'server.mjs': plainServer('first') })
  const port = await freePort()
  const run = project.run([
    '--name',
    'web',
    '--probation',
    '0',
    ...flags,
    'server.mjs',
    String(port),
  ])
  const first = await run.listens()
  await run.says(/generation 1 .* serves/)
  process.kill(first.pid, 'SIGSTOP')
  project.write('server.mjs', plainServer('second') + says)
  const reload = project.handoff('reload', 'web')
  const [, pid] = await run.prints(/^goes on (\d+)/)
  return { project, run, first, reload, pid: Number(pid) }
}

test('it takes over when the old one goes on', async () => {
  const { first, reload, pid } = await hang()
  process.kill(first.pid, 'SIGCONT')
  const { exitCode, stderr } = await reload
  expect(exitCode, stderr).toBe(0)
  expect(await ask(first.port)).toBe('second')
  expect(pid).not.toBe(first.pid)
})

test('it gets its signals, and the old one serves on', async () => {
  const { run, first, reload, pid } = await hang()
  process.kill(pid, 'SIGTERM')
  await run.prints(/^own SIGTERM/)
  const { exitCode, stderr } = await reload
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/exited with code 7/)
  process.kill(first.pid, 'SIGCONT')
  expect(await ask(first.port)).toBe('first')
})

test('its output says that the old one does not answer, in one line', async () => {
  const { run, first, reload } = await hang('--ready-timeout', '3s')
  const { exitCode, stderr } = await reload
  expect(exitCode).toBe(1)
  const words = 'the old process did not answer within 3 s: it hangs, or is stopped'
  expect(stderr).toContain(`cannot take over: ${words}`)
  await run.says(/cannot take over: .* starts the server again\. \[/)
  expect(`${run.output}`).not.toMatch(/^! {5}at |Unhandled 'error' event/m)
  process.kill(first.pid, 'SIGCONT')
  expect(await ask(first.port)).toBe('first')
})
