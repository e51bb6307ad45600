// A process that hangs is as good as dead: in its drain, in its probation, and where a watchdog is asked for.

import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { alive, gone } from '../../support/process-facts.ts'

/** Serves as `serverReplying` does; the second generation blocks its event loop when it is told that it serves. */
const blocksAfterCommit = serverReplying('one').replace(
  'await handoff.ready()',
  'await handoff.ready()\n    if (handoff.generation === 2) for (;;);',
)

function start(flags: readonly string[], source = serverReplying('one')) {
  const project = makeProject({ 'server.mjs': source })
  const run = project.run(['--name', 'web', ...flags, 'server.mjs'])
  return { project, run }
}

test('an old process that hangs in its drain is ended, and a crash of the new one is repaired', async () => {
  const { project, run } = start(['--drain-timeout', '1s', '--probation', '0'])
  const first = await run.listens()
  const cut = ask(first.port, '/slow').catch((error: Error) => error)
  await run.prints(/^asked/)
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  const second = await run.listens()
  process.kill(first.pid, 'SIGSTOP')
  const { input } = await run.says(/was killed by this supervisor/)
  expect(input).toMatch(
    /generation 1 \(pid \d+\) .* did not end within \d+ s after .*1 connection open/,
  )
  await gone(first.pid)
  expect(await cut).toBeInstanceOf(Error)
  process.kill(second.pid, 'SIGKILL')
  const third = await run.listens()
  expect(await ask(third.port)).toBe('one')
})

test('an old process that hangs does not keep a crashed server from its next start', async () => {
  const { project, run } = start(['--probation', '1m', '--drain-timeout', '1m'])
  const first = await run.listens()
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  const second = await run.listens()
  process.kill(first.pid, 'SIGSTOP')
  process.kill(second.pid, 'SIGKILL')
  await run.says(
    /generation 1 .* was killed by this supervisor: it (sent no report|did not take back)/,
  )
  const third = await run.listens()
  expect(third.port).toBe(first.port)
  expect(await ask(third.port)).toBe('one')
})

test('a new process that hangs in its probation is ended, and the old one takes back', async () => {
  const { project, run } = start(['--probation', '1s'])
  const first = await run.listens()
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  const second = await run.listens()
  process.kill(second.pid, 'SIGSTOP')
  const waiting = ask(first.port)
  await run.says(/generation 2 .* was killed by this supervisor: it sent no report for 5 s/)
  await run.says(/generation 1 .* has taken back/)
  expect(await waiting).toBe('one')
  expect((await project.status('web')).serving).toBe(first.pid)
  const again = await project.handoff('reload', 'web')
  expect(again.exitCode, again.stderr).toBe(0)
})

test('a reload whose new process hangs at its commit has failed, and says why', async () => {
  const { project, run } = start([], blocksAfterCommit)
  const { pid, port } = await run.listens()
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/sent no report for 5 s .*was killed.* Generation 1 \(pid \d+\) serves on/)
  expect(stderr).toContain('[ERR_HANDOFF_TIMEOUT]')
  expect(await ask(port)).toBe('one')
  expect((await project.status('web')).serving).toBe(pid)
})

test('after the probation it is the watchdog that ends a server, where one is asked for', async () => {
  const { run } = start(['--watchdog', '2s'])
  const first = await run.listens()
  process.kill(first.pid, 'SIGSTOP')
  const waiting = ask(first.port)
  await run.says(/generation 1 .* was killed by this supervisor: it sent no report for 2 s/)
  const second = await run.listens()
  expect(second.port).toBe(first.port)
  // It had been accepted by nobody.
  expect(await waiting).toBe('one')
  expect(alive(second.pid)).toBe(true)
})

test('a process of an earlier supervisor that hangs does not keep the next one from its start', async () => {
  const { project, run } = start([])
  const first = await run.listens()
  process.kill(run.pid, 'SIGKILL')
  await run.ended()
  process.kill(first.pid, 'SIGSTOP')
  const again = project.run(['--name', 'web', '--ready-timeout', '1s', 'server.mjs'])
  await again.says(/holds the rendezvous socket and does not answer: killing it/)
  const second = await again.listens()
  expect(await ask(second.port)).toBe('one')
  await gone(first.pid)
})

test('a reload says when it is the process that serves that hangs', async () => {
  const { project, run } = start(['--ready-timeout', '6s'])
  const { pid } = await run.listens()
  process.kill(pid, 'SIGSTOP')
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /\(pid \d+\) holds the listeners and has sent no report for \d+ s\. To start it again: `kill -9 \d+`/,
  )
})
