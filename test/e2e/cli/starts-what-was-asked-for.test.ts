import { renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'

test('arguments, environment and standard streams are those of the operator', async () => {
  const facts = `
    const { argv, env } = process
    console.log('facts', JSON.stringify({ args: argv.slice(2), names: Object.keys(env), mine: env.MINE }))
  `
  const project = makeProject({ 'server.mjs': facts + serverReplying('here') })
  const run = project.run(['server.mjs', '--watch', '-x', 'a b', '--', '--name', 'y'], {
    MINE: 'kept',
    NODE_CHANNEL_FD: '99',
    LISTEN_FDS: '1',
    WATCHDOG_USEC: '1',
    HANDOFF_PROBATION_MS: '1',
  })
  const [, json = ''] = await run.prints(/^facts (.*)/)
  const { args, names, mine } = JSON.parse(json)
  expect(args).toEqual(['--watch', '-x', 'a b', '--', '--name', 'y'])
  expect(mine).toBe('kept')
  expect(names).toEqual(expect.arrayContaining(['HANDOFF_DIR', 'NOTIFY_SOCKET']))
  for (const name of ['NODE_CHANNEL_FD', 'LISTEN_FDS', 'WATCHDOG_USEC', 'HANDOFF_PROBATION_MS']) {
    expect(names).not.toContain(name)
  }
})

test('the children of the server see nothing of what the supervisor told it but the worker', async () => {
  const child = `
    import { execFileSync } from 'node:child_process'
    console.log('child', execFileSync('env').toString().split('\\n').filter((line) => /^(NOTIFY_|HANDOFF_)/.test(line)).join())
  `
  const project = makeProject({ 'server.mjs': serverReplying('here') + child })
  const run = project.run(['server.mjs'])
  const [line] = await run.prints(/^child .*/)
  expect(line).toBe(`child HANDOFF_DIR=${project.runs},HANDOFF_WORKER=1`)
})

test('TypeScript runs without a build, and what does not compile is told', async () => {
  const project = makeProject({
    'package.json': '{"type":"module"}',
    'server.ts': `const reply: string = 'typed'\n${serverReplying('').replace('""', 'reply')}`,
  })
  const run = project.run(['--name', 'web', 'server.ts'])
  const { port } = await run.listens()
  expect(await ask(port)).toBe('typed')

  project.write('server.ts', 'const a: string = ;')
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(stderr).toMatch(/cannot start server\.ts .*\/server\.ts:1:18.*Unexpected ";"/)
  expect(exitCode).toBe(1)
})

test('a release directory behind a symlink is looked up at each start', async () => {
  const where = `console.log('cwd', process.cwd(), import.meta.url)\n`
  const project = makeProject({
    'releases/1/server.mjs': where + serverReplying('one'),
    'releases/2/server.mjs': where + serverReplying('two'),
  })
  const link = (release: string) => {
    symlinkSync(join(project.path, 'releases', release), join(project.path, 'next'))
    renameSync(join(project.path, 'next'), join(project.path, 'current'))
  }
  link('1')
  const run = project.run(['--name', 'web', 'current/server.mjs'])
  const { port } = await run.listens()
  expect(await ask(port)).toBe('one')

  link('2')
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  expect(await ask(port)).toBe('two')
  expect(`${run.output}`).toContain('releases/2/server.mjs')
})

test('generations under an inspector do not fight for its port', async () => {
  const inspect = `--inspect=127.0.0.1:${await freePort()}`
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'], { NODE_OPTIONS: inspect })
  await run.listens()
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  const inspectors = run.output.lines.filter((line) => line.includes('Debugger listening on'))
  expect(inspectors, 'supervisor and two generations').toHaveLength(3)
  expect(`${run.output}`).not.toContain('address already in use')
})
