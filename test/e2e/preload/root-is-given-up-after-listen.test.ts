// Servers that are started as root and give it up once they listen, as daemons do.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'

const asRoot = test.skipIf(process.getuid?.() !== 0)

const giveUpRoot = `
  process.setgroups([])
  process.setgid(65534)
  process.setuid(65534)
`
const reply = "(_, response) => response.end(process.getuid() + ' ' + process.pid)"

/** As its users write it; under the preload. */
const plainServer = `
  import http from 'node:http'
  const server = http.createServer(${reply})
  server.listen(Number(process.env.PORT), '127.0.0.1', () => {
    ${giveUpRoot}
    console.log('listening', process.pid, server.address().port)
  })
`

const inTheSameTurn = `
  import http from 'node:http'
  const server = http.createServer(${reply})
  server.listen(Number(process.env.PORT), () => {
    console.log('listening', process.pid, server.address().port)
  })
  ${giveUpRoot}
`

const ownServer = `
  import http from 'node:http'
  import { createHandoff } from 'socket-handoff'
  const handoff = await createHandoff()
  const server = http.createServer(${reply})
  await handoff.listen(server, { host: '127.0.0.1', port: Number(process.env.PORT) })
  ${giveUpRoot}
  await handoff.ready()
  console.log('listening', process.pid, server.address().port)
`

asRoot.each([
  ['a program that imports nothing of ours', plainServer],
  ['a program that gives it up in the turn of listen', inTheSameTurn],
  ['a program that calls createHandoff', ownServer],
])('%s is served, replaced, started again and stopped (needs root)', async (_, server) => {
  const project = makeProject({ 'server.mjs': server })
  const args = ['--name', 'web', '--probation', '0', 'server.mjs']
  const run = project.run(args, { PORT: String(await freePort()) })
  const first = await run.listens()
  await run.says(/generation 1 .* serves/)
  const serving = async (pid: number) => {
    expect(await ask(first.port)).toBe(`65534 ${pid}`)
    await until('it is known', async () => (await project.status('web')).serving === pid)
  }
  await serving(first.pid)

  expect(await project.handoff('reload', 'web', '--wait', 'exit')).toMatchObject({ exitCode: 0 })
  const second = await run.listens()
  expect(second.port).toBe(first.port)
  await serving(second.pid)

  process.kill(second.pid, 'SIGKILL')
  const third = await run.listens()
  await serving(third.pid)

  expect(await project.handoff('stop', 'web')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await run.ended()).toBe(0)
  expect(`${run.output}`).not.toMatch(/EACCES|EPERM|clean up/)
  expect(existsSync(join(project.runs, 'web'))).toBe(false)
})

asRoot('its Unix path leads to each generation (needs root)', async () => {
  const text = plainServer.replace("Number(process.env.PORT), '127.0.0.1'", 'process.env.SOCKET')
  const project = makeProject({ 'server.mjs': text.replace('server.address().port', '1') })
  const socketPath = join(project.path, 'app.sock')
  const args = ['--name', 'web', '--probation', '0', 'server.mjs']
  const run = project.run(args, { SOCKET: socketPath })
  const asks = async (pid: number) => {
    const [response] = await once(http.get({ socketPath, agent: false }), 'response')
    expect(`${(await response.setEncoding('utf8').toArray()).join('')}`).toBe(`65534 ${pid}`)
  }
  const first = await run.listens()
  await run.says(/generation 1 .* serves/)
  await asks(first.pid)
  expect(await project.handoff('reload', 'web', '--wait', 'exit')).toMatchObject({ exitCode: 0 })
  const second = await run.listens()
  await asks(second.pid)
  expect(await project.handoff('stop', 'web')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await run.ended()).toBe(0)
  expect(`${run.output}`).not.toMatch(/EACCES|EPERM|clean up/)
})

asRoot.each([
  ['before createHandoff', ownServer.replace('const handoff', `${giveUpRoot}const handoff`)],
  ['before Node.js has looked up the host', `${plainServer.replace(giveUpRoot, '')}${giveUpRoot}`],
])('one that gives up root %s ends with the reason (needs root)', async (_, server) => {
  const project = makeProject({ 'server.mjs': server })
  const args = ['--name', 'web', '--ready-timeout', '600', 'server.mjs']
  const run = project.run(args, { PORT: String(await freePort()) })
  await run.says(/uid 65534 may not access it; a server that gives up root must listen first/)
  expect(await run.ended()).toBe(1)
})
