import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { gone } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'

test('a server that is killed is started again after a pause', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const first = await run.listens()

  process.kill(first.pid, 'SIGKILL')

  await run.says(
    new RegExp(`generation 1 \\(pid ${first.pid}\\) was killed by SIGKILL: by a person, or by`),
  )
  await run.says(/the server starts again in 100 ms/)
  const second = await run.listens()
  expect(await ask(second.port)).toBe('here')
  const status = await project.status('web')
  expect(status).toMatchObject({ serving: second.pid, generation: 2, backoff: null })
  expect((await project.handoff('reload', 'web')).stdout).toMatch(/generation 3 serves/)
})

test('an uncaught exception is told, and a server that cannot start waits longer each time', async () => {
  const project = makeProject({
    'server.mjs': `process.on('SIGUSR1', () => { throw new Error('bad luck') })\n${serverReplying('one')}`,
  })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid } = await run.listens()
  project.write('server.mjs', 'process.exit(7)')

  process.kill(pid, 'SIGUSR1')

  await run.says(
    /generation 1 \(pid \d+\) exited with code 1: Error: bad luck \(.*server\.mjs:\d+\)/,
  )
  for (const pause of ['100', '200', '400']) {
    await run.says(new RegExp(`the server starts again in ${pause} ms`))
  }
  const status = await project.status('web')
  expect(status).toMatchObject({ generation: null, serving: null })

  project.write('server.mjs', serverReplying('two'))
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  // A start of its own may be on its way at this moment.
  expect([exitCode, stderr.includes('ERR_HANDOFF_BUSY')]).toContain(exitCode === 0 ? 0 : true)
  const { port } = await run.listens()
  expect(await ask(port)).toBe('two')
  // Those that never served are not counted. One that was about to start may have served before the
  // reload came, which has replaced it then.
  const { generation, handoffs } = await project.status('web')
  expect(generation).toBe(2 + handoffs.completed)
})

test('what a server wrote to stderr before it gave up is told, where it crashes and where it waits', async () => {
  const giveUp = (why: string, code: number) =>
    `console.error(new Error('${why}')); process.exit(${code})`
  const project = makeProject({
    'server.mjs': `process.on('SIGUSR1', () => { ${giveUp('no database', 3)} })\n${serverReplying('one')}`,
  })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid } = await run.listens()
  project.write('server.mjs', giveUp('still none', 7))

  process.kill(pid, 'SIGUSR1')

  const first = `generation 1 \\(pid ${pid}\\) exited with code 3: last on stderr: Error: no database`
  await run.says(new RegExp(`${first}$`))
  await run.says(new RegExp(`starts again in 100 ms; clients wait until then. Why: ${first}$`))
  await run.says(
    /cannot start server.mjs .*exited with code 7 .*; last on stderr: Error: still none/,
  )
  await run.says(/starts again in 1\.6 s/)
  expect(await project.status('web')).toMatchObject({
    backoff: { crashes: 5, why: expect.stringContaining('still none') },
  })
  // The command may come in the middle of the next start. Each pause is twice as long as the one before.
  const shown = /crashed \d times in a row, starts again in .*\n.*last on stderr: Error: still none/
  await until('the command shows the pause', async () =>
    shown.test((await project.handoff('status', 'web')).stdout),
  )
})

test('a server that exits with 0 ends the run with 0', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['server.mjs'])
  const { pid } = await run.listens()
  process.kill(pid, 'SIGTERM')
  await run.says(/the server has ended by itself/)
  expect(await run.ended()).toBe(0)
})

test('a new process that dies after the commit is not replaced: the old one takes back', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const first = await run.listens()
  project.write('server.mjs', serverReplying('two'))
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  const second = await run.listens()

  process.kill(second.pid, 'SIGKILL')
  await run.says(new RegExp(`generation 1 \\(pid ${first.pid}\\) has taken back`))

  expect(await ask(first.port)).toBe('one')
  const { exitCode } = await project.handoff('stop', 'web')
  expect(exitCode).toBe(0)
  expect(`${run.output}`).not.toContain('starts again')
})

test('when both processes are dead, a new one is started', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const first = await run.listens()
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  const second = await run.listens()

  process.kill(first.pid, 'SIGKILL')
  await gone(first.pid)
  process.kill(second.pid, 'SIGKILL')

  const third = await run.listens()
  expect(await ask(third.port)).toBe('one')
})
