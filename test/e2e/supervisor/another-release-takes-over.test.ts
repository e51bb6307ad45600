import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, makeProject, type Project, Run, serverReplying } from '../../support/cli-project.ts'
import { gone } from '../../support/process-facts.ts'

const failing = `throw new Error('not today')`
const where = `console.log('in', process.cwd())\n`

/** Two releases and one that fails, under a run of the first; its working directory is outside. */
async function firstRelease() {
  const project = makeProject({
    'releases/1/server.mjs': where + serverReplying('one'),
    'releases/2/server.mjs': where + serverReplying('two'),
    'releases/3/server.mjs': failing,
  })
  const run = project.run(['--name', 'web', '--probation', '0', 'releases/1/server.mjs'])
  return { project, run, ...(await run.listens()) }
}

const reload = (project: Project, ...flags: string[]) => project.handoff('reload', 'web', ...flags)

test('reload --entry starts another release, which stays for reloads and crashes', async () => {
  const { project, run, port, pid } = await firstRelease()
  const second = join(project.path, 'releases/2/server.mjs')

  // From where the command runs, like any path of a shell.
  const { exitCode, stderr } = await reload(project, '--entry', 'releases/2/server.mjs')
  expect(exitCode, stderr).toBe(0)
  expect(await ask(port)).toBe('two')
  expect(await project.status('web')).toMatchObject({
    program: { entry: second, workingDirectory: project.path, node: process.execPath },
  })
  const { stdout } = await project.handoff('status', 'web')
  expect(stdout).toMatch(new RegExp(`^entry +${second}$`, 'm'))

  // The first release is not needed any more.
  await run.listens()
  await gone(pid)
  rmSync(join(project.path, 'releases/1'), { recursive: true })
  expect((await reload(project)).exitCode).toBe(0)
  const third = await run.listens()
  process.kill(third.pid, 'SIGKILL')
  await run.listens()
  expect(await project.status('web')).toMatchObject({ program: { entry: second } })
})

test('a release that fails leaves the one before in force', async () => {
  const { project, run, port } = await firstRelease()
  const first = { program: { entry: join(project.path, 'releases/1/server.mjs') } }

  for (const [entry, code] of [
    ['releases/3/server.mjs', 'ERR_HANDOFF_APP_FAILED'],
    ['releases/4/server.mjs', 'ERR_HANDOFF_ENTRY'],
  ] as const) {
    const { exitCode, stderr } = await reload(project, '--entry', entry)
    expect(exitCode, entry).toBe(1)
    expect(stderr).toContain(`[${code}]`)
    expect(await project.status('web')).toMatchObject(first)
  }
  const { exitCode, stderr } = await reload(project, '--node', 'no-such-node')
  expect(exitCode).toBe(1)
  expect(stderr).toContain('[ERR_HANDOFF_SPAWN_FAILED]')

  const { exitCode: again } = await reload(project)
  expect(again).toBe(0)
  expect(await ask(port)).toBe('one')
  expect(await project.status('web')).toMatchObject(first)
  expect(`${run.output}`).toContain('not today')
})

test('a release that is taken back gives way to the one before', async () => {
  const project = makeProject({
    '1/server.mjs': serverReplying('one'),
    '2/server.mjs': serverReplying('two'),
  })
  const run = project.run(['--name', 'web', '--probation', '60s', '1/server.mjs'])
  const { port } = await run.listens()
  expect((await reload(project, '--entry', '2/server.mjs')).exitCode).toBe(0)
  await run.prints(/^listening/)

  const { serving } = await project.status('web')
  process.kill(serving ?? 0, 'SIGKILL')
  await run.says(/has taken back/)
  expect(await ask(port)).toBe('one')
  const entry = join(project.path, '1/server.mjs')
  expect(await project.status('web')).toMatchObject({ program: { entry } })
})

test('the working directory stays, unless the reload names another', async () => {
  const { project, run } = await firstRelease()
  await reload(project, '--entry', 'releases/2/server.mjs')
  expect(linesOf(run)).toEqual([project.path, project.path])

  const release = join(project.path, 'releases/2')
  await reload(project, '--cwd', 'releases/2')
  await reload(project)
  expect(linesOf(run)).toEqual([project.path, project.path, release, release])
})

test('a program started by itself in another directory takes over where it is told to', async () => {
  const project = makeProject({
    'a/server.mjs': serverReplying('one'),
    'b/server.mjs': serverReplying('two'),
  })
  const rendezvous = join(project.path, 'meet/web.sock')
  mkdirSync(dirname(rendezvous), { mode: 0o700 })
  const start = (directory: string) =>
    new Run(
      spawn(process.execPath, ['server.mjs'], {
        cwd: join(project.path, directory),
        env: { ...project.env, HANDOFF_RENDEZVOUS: rendezvous, HANDOFF_PROBATION_MS: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  const old = start('a')
  const { port } = await old.listensAlone()
  const next = start('b')
  expect((await next.listensAlone()).port).toBe(port)
  expect(await old.ended()).toBe(0)
  expect(await ask(port)).toBe('two')
  process.kill(next.pid, 'SIGTERM')
  expect(await next.ended()).toBe(0)
})

/** Where each generation was started. */
function linesOf(run: Run): string[] {
  return run.output.lines.filter((line) => line.startsWith('in ')).map((line) => line.slice(3))
}
