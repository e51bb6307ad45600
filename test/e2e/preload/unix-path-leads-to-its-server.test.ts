// Programs remove the path of their Unix socket before they listen, or when they end: their clients
// find the server at it all the same.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeProject, type Project } from '../../support/cli-project.ts'
import { Load } from '../../support/load/load.ts'
import { send } from '../../support/load/send.ts'
import { until } from '../../support/until.ts'

/** What a program does to the path, besides listening there. */
const habits = {
  'before it listens': `rmSync(path, { force: true })`,
  'before it listens, by a promise': `await unlink(path).catch(() => {})`,
  'when it exits': `process.on('exit', () => rmSync(path, { force: true }))`,
  'at SIGTERM': `process.once('SIGTERM', () => { unlinkSync(path); server.close(() => process.exit()) })`,
  both: `
    rmSync(path, { force: true })
    process.on('exit', () => { if (existsSync(path)) unlinkSync(path) })`,
  'by another program': `execFileSync('rm', ['-f', path])`,
}

const program = (habit: string, path = `process.env.SOCK`) => `
  import { execFileSync } from 'node:child_process'
  import { existsSync, rmSync, unlinkSync } from 'node:fs'
  import { unlink } from 'node:fs/promises'
  import http from 'node:http'
  const path = ${path}
  const server = http.createServer((request, response) => {
    response.setHeader('x-pid', process.pid)
    response.end('hello\\n')
  })
  ${habit}
  server.listen(path, () => console.log('listening', process.pid, 0))
`

/** A program of this habit under `handoff run`. */
async function start(project: Project, name: string, flags: string[] = ['--probation', '0']) {
  const path = join(project.path, 'app.sock')
  const run = project.run(['--name', name, ...flags, 'server.mjs'], { SOCK: path })
  await run.says(/generation 1 .* serves on/)
  const reload = async (...flags: string[]) => {
    const command = ['reload', name, '--wait', 'exit', ...flags]
    const { exitCode, stdout, stderr } = await project.handoff(...command)
    return { exitCode, text: stdout + stderr }
  }
  const stop = async () => {
    const { exitCode, stderr } = await project.handoff('stop', name)
    expect(exitCode, stderr).toBe(0)
    expect(await run.ended()).toBe(0)
    expect(existsSync(path)).toBe(false)
    expect(existsSync(join(project.runs, name))).toBe(false)
  }
  return { path, run, reload, stop }
}

const files = (habit: string) => ({ 'package.json': '{}', 'server.mjs': program(habit) })

test.each(Object.entries(habits))('%s: clients lose nothing to reloads', async (name, habit) => {
  const project = makeProject(files(habit))
  const { path, reload, stop } = await start(project, 'web')
  const load = new Load({ socketPath: path }, { newConnection: 4, keepAlive: 2 })
  for (let count = 0; count < 3; count++) {
    await load.more(50)
    const { exitCode, text } = await reload()
    expect(exitCode, text).toBe(0)
    // What another program removes is missing until the next listen; it is there again then.
    expect(await send({ socketPath: path }, { path: '/' })).toMatchObject({ kind: 'ok' })
  }
  await load.more(50)
  const tally = await load.stop()
  if (name !== 'by another program') expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, `${tally}`).toBe(4)
  await stop()
})

test('a new process that removes the path and fails costs no client anything', async () => {
  const project = makeProject(files(habits.both))
  const { path, reload, stop } = await start(project, 'web')
  const load = new Load({ socketPath: path }, { newConnection: 4 })
  for (const failure of ['throw new Error("no")', 'process.exit(3)']) {
    project.write('server.mjs', program(`${habits.both}; ${failure}`))
    await load.more(50)
    expect((await reload()).exitCode).toBe(1)
    project.write(
      'server.mjs',
      program(`${habits.both}; server.on('listening', () => { ${failure} })`),
    )
    expect((await reload()).exitCode).toBe(1)
  }
  await load.more(50)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, `${tally}`).toBe(1)
  await stop()
})

test('a program that goes elsewhere does not get its path back', async () => {
  const project = makeProject(files(''))
  const { path, run, reload } = await start(project, 'web')
  const elsewhere = join(project.path, 'other.sock')
  project.write('server.mjs', program(`rmSync(process.env.SOCK)`, JSON.stringify(elsewhere)))
  const { exitCode, text } = await reload('--drop', path)
  expect(exitCode, text).toBe(0)
  await run.says(/generation 1 .* has drained/)
  expect(existsSync(path)).toBe(false)
  expect(await send({ socketPath: elsewhere }, { path: '/' })).toMatchObject({ kind: 'ok' })
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(existsSync(elsewhere)).toBe(false)
  expect(existsSync(join(project.runs, 'web'))).toBe(false)
})

test('after a crash the path leads to the next process, although the dead one removed it', async () => {
  const project = makeProject(
    files(`
    process.on('exit', () => rmSync(path, { force: true }))
    process.on('SIGUSR2', () => process.exit(1))
  `),
  )
  const { path, run, stop } = await start(project, 'web')
  const load = new Load({ socketPath: path }, { newConnection: 2 })
  await load.more(20)
  const { pid = '' } = await send({ socketPath: path }, { path: '/' })
  process.kill(Number(pid), 'SIGUSR2')
  await run.says(/generation 2 .* serves on/)
  await until('another process answers', async () => {
    const reply = await send({ socketPath: path }, { path: '/' })
    return reply.kind === 'ok' && reply.pid !== pid
  })
  await load.stop()
  await stop()
})

test('workers share a path, and each of them may remove it', async () => {
  const project = makeProject(files(habits.both))
  const { path, reload, stop } = await start(project, 'web', ['--workers', '2', '--probation', '0'])
  await until('both serve', async () => {
    return (await project.status('web')).workers.every(({ serving }) => serving !== null)
  })
  const load = new Load({ socketPath: path }, { newConnection: 4 })
  for (let count = 0; count < 2; count++) {
    await load.more(50)
    const { exitCode, text } = await reload()
    expect(exitCode, text).toBe(0)
  }
  await load.more(50)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  await stop()
})
