// What a program sees of the preload: nothing; and what is not the program's does not see it either.

import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, main, makeProject, serverReplying } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'

const own = `
  import http from 'node:http'
  import { createServer } from 'node:net'
  const admin = createServer().listen(process.argv[2], '127.0.0.1')
  await new Promise((resolve) => admin.once('listening', resolve))
`

test('a program with a handoff of its own keeps it, whatever listens before', async () => {
  const port = await freePort()
  const project = makeProject({
    'server.mjs': own + serverReplying('own').replace(/import http.*/, ''),
  })
  const run = project.run(['--name', 'web', 'server.mjs', String(port)])
  const { port: served } = await run.listens()
  const [process] = (await project.status('web')).processes
  expect(process?.listeners).toEqual([`tcp:127.0.0.1:${served}`])
})

test('so does one that has another copy of socket-handoff', async () => {
  const project = makeProject({})
  const copy = join(project.path, 'vendor/socket-handoff')
  const source = dirname(dirname(dirname(main)))
  mkdirSync(join(copy, 'build/Release'), { recursive: true })
  cpSync(join(source, 'dist'), join(copy, 'dist'), { recursive: true })
  cpSync(join(source, 'package.json'), join(copy, 'package.json'))
  cpSync(
    join(source, '../../build/Release/socket_handoff.node'),
    join(copy, 'build/Release/socket_handoff.node'),
  )
  project.write(
    'server.mjs',
    serverReplying('copy').replace("'socket-handoff'", "'./vendor/socket-handoff/dist/index.js'"),
  )
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { port } = await run.listens()
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  expect(await ask(port)).toBe('copy')
})

test('one that imports it only after it has listened is told so', async () => {
  const late = `
    server.on('listening', async () => {
      const { createHandoff } = await import('socket-handoff')
      await createHandoff().catch(({ message }) => console.log('late', message))
    })
  `
  const project = makeProject({ 'server.mjs': plainServer('late') + late })
  const run = project.run(['server.mjs', String(await freePort())])
  const [line] = await run.prints(/^late .*/)
  expect(line).toContain('a server listened before socket-handoff was imported')
})

test('children of the program, from its first line on, are no part of it', async () => {
  const child = `
    import http from 'node:http'
    const server = http.createServer().listen(process.argv[2], '127.0.0.1', () => {
      const names = Object.keys(process.env).filter((name) => /^(NOTIFY_|HANDOFF_[^D])/.test(name))
      console.log('child', JSON.stringify({ names, execArgv: process.execArgv }))
      process.exit()
    })
  `
  const parent = `
    import { fork } from 'node:child_process'
    fork('child.mjs', [process.argv[3]])
  `
  const project = makeProject({ 'server.mjs': parent + plainServer('parent'), 'child.mjs': child })
  const [port, childPort] = [await freePort(), await freePort()]
  const run = project.run(['--name', 'web', 'server.mjs', String(port), String(childPort)])
  await run.listens()
  const [, json = ''] = await run.output.waitFor(/^child (.*)/)
  // A number, for the program and what it starts: it makes nobody a worker.
  expect(JSON.parse(json)).toEqual({ names: ['HANDOFF_WORKER'], execArgv: [] })
  await run.says(/generation 1 .* serves on/)
  const [process] = (await project.status('web')).processes
  expect(process?.listeners).toEqual([`tcp:127.0.0.1:${port}`])
})

test('port 0 and what HANDOFF_IGNORE names are left alone', async () => {
  const [port, ignored] = [await freePort(), await freePort()]
  const others = `
    import { createServer } from 'node:net'
    createServer().listen(0, '127.0.0.1')
    createServer().listen(${ignored}, '127.0.0.1').on('error', ({ code }) => console.log('failed', code))
  `
  const project = makeProject({ 'server.mjs': others + plainServer('here') })
  const run = project.run(['--name', 'web', 'server.mjs', String(port)], {
    HANDOFF_IGNORE: ` ${ignored},/nowhere`,
  })
  await run.says(/generation 1 .* serves on/)
  const [process] = (await project.status('web')).processes
  expect(process?.listeners).toEqual([`tcp:127.0.0.1:${port}`])
  // The new process binds the ignored one itself, as every Node does.
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  await run.prints(/^failed EADDRINUSE/)
})

test('cluster workers are refused with what to use in their place', async () => {
  const source = `
    import { fork } from 'node:cluster'
    fork()
  `
  const project = makeProject({ 'server.mjs': source })
  const { exitCode, stderr } = await project.handoff('run', 'server.mjs')
  expect(stderr.split('\n').at(-1)).toMatch(/cannot fork a cluster worker.*without cluster/)
  expect(exitCode).toBe(1)
})

test('listeners of worker threads are refused with what to do', async () => {
  const thread = `
    import { createSocket } from 'node:dgram'
    import http from 'node:http'
    const say = (what) => ({ code, message }) => console.log(what, code, message)
    http.createServer().listen(${await freePort()}).on('error', say('tcp'))
    createSocket('udp4').on('error', say('udp')).bind(${await freePort()})
    http.createServer().listen(0, () => console.log('port 0 listens'))
  `
  const parent = `
    import { Worker } from 'node:worker_threads'
    new Worker('./thread.mjs')
  `
  const project = makeProject({ 'server.mjs': parent + plainServer('here'), 'thread.mjs': thread })
  const run = project.run(['server.mjs', String(await freePort())])
  await run.prints(/^port 0 listens/)
  for (const what of ['tcp', 'udp']) {
    const [line] = await run.output.waitFor(new RegExp(`^${what} .*`))
    expect(line).toMatch(/ERR_HANDOFF_WORKER_THREAD cannot listen.*main thread.*HANDOFF_IGNORE/)
  }
})

test('worker threads of a program with a handoff of its own listen as ever', async () => {
  const thread = `
    import http from 'node:http'
    http.createServer().listen(${await freePort()}, () => console.log('thread listens'))
  `
  const parent = `
    import { Worker } from 'node:worker_threads'
    new Worker('./thread.mjs')
  `
  const project = makeProject({
    'server.mjs': parent + serverReplying('own'),
    'thread.mjs': thread,
  })
  const run = project.run(['server.mjs'])
  await run.prints(/^thread listens/)
})
