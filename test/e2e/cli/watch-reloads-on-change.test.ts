import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { watching } from '../../support/watching.ts'

test('an edit shows at the next request', async () => {
  const project = makeProject({ 'package.json': '{}', 'src/server.mjs': serverReplying('one') })
  const run = project.run(['--watch', 'src/server.mjs'])
  const { port } = await run.listens()
  expect(await ask(port)).toBe('one')
  await watching(run)

  project.write('src/server.mjs', serverReplying('two'))

  await run.says(/src\/server\.mjs changed: a new process starts/)
  await run.says(/generation 2 .* serves/)
  expect(await ask(port)).toBe('two')
  expect(`${run.output}`).not.toContain('Warning')
})

test('an edit shows in all workers', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('one') })
  const run = project.run(['--watch', '--workers', '2', '--name', 'web', 'server.mjs'])
  const { port } = await run.listens()
  await watching(run)
  await run.says(/worker 2: generation 1 .* serves/)
  const serving = async () => (await project.status('web')).workers.map(({ serving }) => serving)
  const before = await serving()
  expect(new Set(before).size).toBe(2)

  // What fails in the first worker is not tried in the other one.
  project.write('server.mjs', 'const a = ;')
  await run.says(/worker 1: .*SyntaxError: Unexpected token ';'/)
  await run.says(/the reload stops here\. No worker runs the new code/)
  expect(await serving()).toEqual(before)
  expect(await ask(port)).toBe('one')

  project.write('server.mjs', serverReplying('two'))
  await run.says(/worker 1: generation 2 .* serves/)
  await run.says(/worker 2: generation 2 .* serves/)
  expect((await serving()).filter((pid) => before.includes(pid))).toEqual([])
  const answers = await Promise.all(Array.from({ length: 16 }, () => ask(port)))
  expect(new Set(answers)).toEqual(new Set(['two']))
})

test('an edit that does not compile keeps the old generation, and the next one mends it', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('one') })
  const run = project.run(['--watch', 'server.mjs'])
  const { port } = await run.listens()
  await watching(run)

  project.write('server.mjs', 'const a = ;')
  await run.says(/SyntaxError: Unexpected token ';'.* Generation 1 \(pid \d+\) serves on\./)
  expect(await ask(port)).toBe('one')

  project.write('server.mjs', serverReplying('two'))
  await run.says(/generation 2 .* serves/)
  expect(await ask(port)).toBe('two')
})

test('a first start that fails waits for a change', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': 'const a = ;' })
  const run = project.run(['--watch', 'server.mjs'])
  await run.says(/No process serves\. \[ERR_HANDOFF_APP_FAILED\]/)
  await watching(run)

  project.write('server.mjs', serverReplying('two'))

  const { port } = await run.listens()
  expect(await ask(port)).toBe('two')
})

test('a change in the middle of a reload leads to exactly one more', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('one') })
  const run = project.run(['--watch', '--name', 'web', 'server.mjs'])
  const { port } = await run.listens()
  await watching(run)
  const booting = `
    console.log('booting', process.pid)
    const idle = setInterval(() => {}, 60_000)
    await new Promise((go) => process.on('SIGUSR2', go))
    clearInterval(idle)
  `
  project.write('server.mjs', booting + serverReplying('two'))
  const [, starting] = await run.prints(/^booting (\d+)/)
  project.write('server.mjs', serverReplying('three'))
  project.write('other.json', '{}')
  await run.says(/(other\.json|server\.mjs) changed during a start: another start follows/)

  process.kill(Number(starting), 'SIGUSR2')

  await run.says(/generation 2 .* serves/)
  await run.says(/generation 3 .* serves/)
  expect(await ask(port)).toBe('three')
  const { exitCode } = await project.handoff('stop', 'web')
  expect(exitCode).toBe(0)
  expect(`${run.output}`).not.toContain('generation 4')
})

test('what is no source, or no source of this project, is not watched', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('one') })
  const run = project.run(['--watch', 'server.mjs'])
  await run.listens()
  await watching(run)

  project.write('data/app.log', 'x')
  project.write('data/app.sqlite', 'x')
  project.write('.git/HEAD.json', '{}')
  project.write('src/lib/new.ts', '')

  const [line] = await run.says(/ changed: a new process starts/)
  expect(line).toContain('src/lib/new.ts changed')
  await run.says(/generation 2 .* serves/)
})

test('an environment file is watched', async () => {
  const project = makeProject({ 'package.json': '{}', 'server.mjs': serverReplying('one') })
  const run = project.run(['--watch', 'server.mjs'])
  await run.listens()
  await watching(run)
  project.write('.env', 'A=1\n')
  await run.says(/\.env changed/)
  await run.says(/generation 2 .* serves/)
})

test('a server whose sources cannot be watched is run all the same', async () => {
  const project = makeProject({
    'server.mjs': serverReplying('one'),
    'package.json': '{}',
    '.git/HEAD': '',
    '.gitignore/no-file': '',
  })
  const run = project.run(['--watch', 'server.mjs'])
  const { port } = await run.listens()
  await run.says(/EISDIR/)
  expect(await ask(port)).toBe('one')
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
})

test('an entry without an ending, and a file of --env-file elsewhere, are watched', async () => {
  const project = makeProject({
    'app/package.json': '{"type":"module"}',
    'app/bin/www': serverReplying('one'),
    'secrets/production': 'A=1',
  })
  const run = project.run(['--watch', '--env-file', 'secrets/production', 'app/bin/www'])
  const { port } = await run.listens()
  await watching(run)
  project.write('app/bin/www', serverReplying('two'))
  await run.says(/bin\/www changed: a new process starts/)
  await run.says(/generation 2 .* serves/)
  expect(await ask(port)).toBe('two')
  project.write('secrets/production', 'A=2')
  await run.says(/\.\.\/secrets\/production changed/)
})

const writer = `
  import { writeFileSync } from 'node:fs'
  writeFileSync('state.json', String(process.pid))
`

test('a program that writes a watched file at its start is not started for ever', async () => {
  const project = makeProject({
    'package.json': '{}',
    'server.mjs': writer + serverReplying('one'),
  })
  const run = project.run(['--watch', '--probation', '0', 'server.mjs'])
  await run.says(/state\.json is not watched any more: .* --watch-ignore 'state\.json'/)
  project.write('server.mjs', writer + serverReplying('two'))
  await run.says(/server\.mjs changed: a new process starts/)
  await run.says(/generation \d+ .* serves/)
})

test('with --watch-ignore it is started once', async () => {
  const project = makeProject({
    'package.json': '{}',
    'server.mjs': writer + serverReplying('one'),
  })
  const run = project.run(['--watch', '--watch-ignore', '*.json', 'server.mjs'])
  await run.listens()
  await watching(run)
  project.write('server.mjs', serverReplying('two'))
  const [line] = await run.says(/ changed: a new process starts/)
  expect(line).toContain('server.mjs changed')
})
