// With --watch a process that was started ahead goes on with an edit. It shows each edit, and leaves nothing.

import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ask, makeProject, type Project, type Run } from '../../support/cli-project.ts'
import { alive, descriptors, gone, isAsleep } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'
import { watching } from '../../support/watching.ts'

/** Prints what it sees, and answers with `reply`. Its types need tsx, or a Node.js that removes them. */
function server(reply: string): string {
  return `
    import { readdirSync } from 'node:fs'
    import http from 'node:http'
    const reply: string = ${JSON.stringify(reply)}
    const { argv, execArgv, env, pid } = process
    const { HANDOFF_LISTENERS: _, ...variables } = env
    const events = process.eventNames()
    const seen = { argv, execArgv, variables, cwd: process.cwd(), events, title: process.title }
    console.log('seen ' + JSON.stringify(seen))
    const server = http.createServer((_, response) => response.end(reply))
    const port = Number(env.PORT)
    server.listen(port, '127.0.0.1', () => console.log('listening', pid, port))`
}

const files = { 'package.json': '{ "type": "module" }', 'src/lib.mjs': '' }

function waiting(project: Project): Promise<number> {
  return until('a process waits', async () => {
    const { standby } = await project.status('app')
    return standby !== undefined && isAsleep(standby) && standby
  })
}

async function start(port: number, text = server('one'), flags: readonly string[] = []) {
  const project = makeProject({ ...files, 'src/server.ts': text })
  const run = project.run(['--watch', '--name', 'app', ...flags, 'src/server.ts', 'argument'], {
    PORT: String(port),
  })
  await watching(run)
  const first = await seen(run)
  await run.listens()
  await run.says(/generation 1 .* serves/)
  return { project, run, first }
}

async function seen(run: Run): Promise<unknown> {
  const [, json = ''] = await run.prints(/^seen (.*)/)
  return JSON.parse(json)
}

/** The sockets of a process that have an address. tsx leaves one that looks for a parent, and has none. */
function boundSockets(pid: number): string[] {
  const inodes = descriptors(pid).flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [])
  const read = (name: string) => {
    const path = `/proc/${pid}/net/${name}`
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  }
  const ofInternet = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap(read)
  return inodes.flatMap((inode) => [
    ...ofInternet.filter((line) => line.split(/\s+/).includes(inode)),
    ...read('unix').filter((line) => line.includes(` ${inode} /`)),
  ])
}

/** Edits, and resolves with the pid of the process that serves then. */
async function edit(project: Project, run: Run, path: string, text: string): Promise<number> {
  project.write(path, text)
  const [, pid] = await run.says(/generation \d+ \(pid (\d+)\) serves/)
  return Number(pid)
}

test('an edit goes on in it, and it sees what every process sees', async () => {
  const { project, run, first } = await start(24_611)
  for (const reply of ['two', 'three']) {
    const ahead = await waiting(project)
    expect(await edit(project, run, 'src/server.ts', server(reply))).toBe(ahead)
    expect(await ask(24_611)).toBe(reply)
    expect(await seen(run)).toEqual(first)
  }
  const { processes } = await project.status('app')
  expect(Math.max(...processes.map(({ uptimeMs }) => uptimeMs))).toBeLessThan(60_000)
  expect((await project.handoff('stop', 'app')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

test('it holds no socket and takes no time while it waits', async () => {
  const { project } = await start(24_612)
  const pid = await waiting(project)
  const { serving } = await project.status('app')
  expect(boundSockets(serving ?? 0), 'the port and the rendezvous socket').not.toEqual([])
  expect(boundSockets(pid)).toEqual([])
  const time = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join(' ')
  await until('it takes no time', async () => {
    const before = time()
    for (let i = 0; i < 10; i++) await project.status('app')
    return time() === before
  })
})

test.each([
  ['package.json', '{ "type": "module", "name": "app" }'],
  ['tsconfig.json', '{ "compilerOptions": { "strict": true } }'],
])('a change of %s ends it, and a fresh process starts', async (path, text) => {
  const { project, run } = await start(24_613)
  const ahead = await waiting(project)
  expect(await edit(project, run, path, text)).not.toBe(ahead)
  await gone(ahead)
  expect(await ask(24_613)).toBe('one')
})

test('an edit that does not compile fails in it, and the next edit has another one', async () => {
  const { project, run } = await start(24_614)
  const ahead = await waiting(project)
  project.write('src/server.ts', 'const a = ;')
  await run.says(/Generation 1 \(pid \d+\) serves on\./)
  await gone(ahead)
  const next = await waiting(project)
  expect(await edit(project, run, 'src/server.ts', server('two'))).toBe(next)
  expect(await ask(24_614)).toBe('two')
})

test('one that was killed is not needed', async () => {
  const { project, run } = await start(24_615)
  const ahead = await waiting(project)
  process.kill(ahead, 'SIGKILL')
  await until('none waits', async () => (await project.status('app')).standby === undefined)
  await edit(project, run, 'src/server.ts', server('two'))
  expect(await ask(24_615)).toBe('two')
})

test('a server that dies is started with its listeners', async () => {
  const { project, run } = await start(24_616)
  const ahead = await waiting(project)
  process.kill((await project.status('app')).serving ?? 0, 'SIGKILL')
  const [, pid] = await run.says(/generation \d+ \(pid (\d+)\) serves/)
  expect(Number(pid)).not.toBe(ahead)
  expect(await ask(24_616)).toBe('one')
})

test('it ends with its supervisor', async () => {
  const { project, run } = await start(24_617)
  const ahead = await waiting(project)
  run.child.kill('SIGKILL')
  await gone(ahead)
})

test('preloads of the program are loaded anew', async () => {
  const { project, run } = await start(24_618, server('one'), ['--import', './src/lib.mjs'])
  await edit(project, run, 'src/lib.mjs', 'globalThis.edited = true')
  expect((await project.status('app')).standby).toBeUndefined()
  expect(alive((await project.status('app')).serving ?? 0)).toBe(true)
})

test('without a loader an edit goes on in it, too', async () => {
  const common = (reply: string) => `
    const http = require('node:http')
    const isMain = require.main === module
    const server = http.createServer((_, response) => response.end(\`${reply} \${isMain}\`))
    server.listen(24619, '127.0.0.1', () => console.log('listening', process.pid, 24619))`
  const project = makeProject({ 'package.json': '{}', 'server.js': common('one') })
  const run = project.run(['--watch', '--name', 'app', 'server.js'])
  await watching(run)
  await run.says(/generation 1 .* serves/)
  const ahead = await waiting(project)
  expect(await edit(project, run, 'server.js', common('two'))).toBe(ahead)
  expect(await ask(24_619)).toBe('two true')
})
