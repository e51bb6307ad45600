import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeProject, serverReplying } from '../../support/cli-project.ts'
import { gone } from '../../support/process-facts.ts'

const server = serverReplying('here')

test('the name of the package is that of the run, and need not be given in its directory', async () => {
  const project = makeProject({ 'package.json': '{"name":"@acme/shop"}', 'server.mjs': server })
  await project.run(['server.mjs']).listens()
  await project.run(['--name', 'other', 'server.mjs']).listens()

  expect((await project.handoff('status')).stdout).toMatch(/^shop/)
  expect((await project.handoff('status', 'other')).stdout).toMatch(/^other/)
})

test('the only one that runs need not be named; of several, one must be', async () => {
  const project = makeProject({ 'server.mjs': server })
  await project.run(['--name', 'a', 'server.mjs']).listens()
  expect((await project.handoff('status')).stdout).toMatch(/^a\b/)

  await project.run(['--name', 'b', 'server.mjs']).listens()
  const { exitCode, stderr } = await project.handoff('reload')
  expect(stderr).toBe(
    'handoff: cannot choose a run: a, b are running. Give its name after the command. [ERR_HANDOFF_NAME]',
  )
  expect(exitCode).toBe(1)
})

test.each(['status', 'reload', 'stop'])('%s without a supervisor says so', async (command) => {
  const project = makeProject({})
  const { exitCode, stdout, stderr } = await project.handoff(command, 'web')
  expect(stderr).toBe(
    'handoff: cannot reach web: no supervisor of this name is running. Start it with `handoff run`. [ERR_HANDOFF_NOT_RUNNING]',
  )
  expect([exitCode, stdout]).toEqual([1, ''])
  expect((await project.handoff(command)).stderr).toContain('[ERR_HANDOFF_NOT_RUNNING]')
})

test('a name has one supervisor; the second is told who it is', async () => {
  const project = makeProject({ 'server.mjs': server })
  const run = project.run(['--name', 'web', 'server.mjs'])
  await run.listens()
  const { exitCode, stderr } = await project.handoff('run', '--name', 'web', 'server.mjs')
  expect(stderr).toContain(`a supervisor of this name is running (pid ${run.pid})`)
  expect(stderr).toContain('[ERR_HANDOFF_ALREADY_RUNNING]')
  expect(exitCode).toBe(1)
  expect(await project.status('web')).toMatchObject({ generation: 1 })
})

test('a server whose supervisor was killed is pointed out, and the next supervisor takes over', async () => {
  const project = makeProject({ 'server.mjs': server })
  const first = project.run(['--name', 'web', '--probation', '0', 'server.mjs'])
  const old = await first.listens()
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')

  const { stderr } = await project.handoff('status', 'web')
  expect(stderr).toContain('a server without supervisor still serves there')
  expect(stderr).toContain('`handoff run` takes over')
  expect(stderr).toContain(`\`kill -TERM ${old.pid}\` ends it`)
  for (const command of ['status', 'stop', 'reload']) {
    expect((await project.handoff(command)).stderr).toBe(stderr)
  }

  const second = project.run(['--name', 'web', 'server.mjs'])
  const { port } = await second.listens()
  expect(port).toBe(old.port)
  expect(await project.status('web')).toMatchObject({
    generation: 2,
    handoffs: { completed: 1, aborted: 0 },
  })
  await gone(old.pid)
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await second.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

test('a stop ends the processes of an earlier supervisor, too', async () => {
  const project = makeProject({ 'server.mjs': server })
  const first = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const old = await first.listens()
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const second = project.run(['--name', 'web', 'server.mjs'])
  await second.listens()
  const { processes } = await project.status('web')
  expect(processes).toMatchObject([{ generation: 2 }, { pid: old.pid, generation: 1 }])

  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)

  expect(await second.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

test('a stop leaves no file, and the name is free when it returns', async () => {
  const project = makeProject({ 'server.mjs': server })
  for (let i = 0; i < 3; i++) {
    const run = project.run(['--name', 'web', 'server.mjs'])
    await run.listens()
    expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
    expect(readdirSync(project.runs)).toEqual([])
    expect(await run.ended()).toBe(0)
  }
})

test('what is in the place of a socket is removed only by whoever holds the lock', async () => {
  const project = makeProject({ 'server.mjs': server })
  const run = project.run(['--name', 'web', 'server.mjs'])
  await run.listens()
  const control = join(project.runs, 'web/control.sock')
  await project.handoff('run', '--name', 'web', 'server.mjs')
  expect(existsSync(control)).toBe(true)
  expect(await project.status('web')).toMatchObject({ generation: 1 })

  run.child.kill('SIGKILL')
  await once(run.child, 'exit')
  writeFileSync(join(project.runs, 'web/supervisor.lock'), 'left by a killed supervisor')
  await project.run(['--name', 'web', 'server.mjs']).listens()
  expect(await project.status('web')).toMatchObject({ generation: 2 })
})
