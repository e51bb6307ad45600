// `node --import socket-handoff/register`, alone.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ask, makeProject, type Project, Run } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'
import { gone } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'

const nodeOfTomorrow = fileURLToPath(
  new URL('../../fixtures/node-of-tomorrow.cjs', import.meta.url),
)

/** Starts the entry with the preload, in the project. */
function start(project: Project, entry: string, port: number, env: NodeJS.ProcessEnv = {}): Run {
  const flags = ['--import', 'socket-handoff/register']
  const loader = entry.endsWith('.ts') ? ['--import', 'tsx'] : []
  const child = spawn(process.execPath, [...flags, ...loader, entry, String(port)], {
    cwd: project.path,
    env: { ...project.env, HANDOFF_PROBATION_MS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Run(child)
}

/** Its reply tells its pid, too. */
const source = plainServer('first').replace('"first"', '"first " + process.pid')

test.each([
  ['server.mjs', source],
  ['server.cjs', source.replace(/import http.*/, "const http = require('node:http')")],
  ['server.ts', source.replace('() =>', '(): unknown =>')],
])('at SIGUSR2 %s starts its own replacement, which has the preload too', async (entry, text) => {
  const project = makeProject({ 'package.json': '{"type":"module"}', [entry]: text })
  const port = await freePort()
  const run = start(project, entry, port)
  let { pid } = await run.listensAlone()
  for (const reply of ['second', 'third']) {
    project.write(entry, text.replace('first', reply))
    process.kill(pid, 'SIGUSR2')
    await gone(pid)
    const [, name, next] = /^(\w+) (\d+)$/.exec(await ask(port)) ?? []
    expect(name).toBe(reply)
    pid = Number(next)
  }
  process.kill(pid, 'SIGTERM')
  await gone(pid)
})

test('with HANDOFF_RENDEZVOUS the same start again takes over', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') })
  const port = await freePort()
  const env = { HANDOFF_RENDEZVOUS: join(project.path, 'rendezvous.sock') }
  const old = start(project, 'server.mjs', port, env)
  await old.listensAlone()
  // It listens a moment before another process can take over.
  await until('others can take over', () => existsSync(env.HANDOFF_RENDEZVOUS))
  project.write('server.mjs', plainServer('second'))
  const next = start(project, 'server.mjs', port, env)
  await next.listensAlone()
  expect(await old.ended()).toBe(0)
  expect(await ask(port)).toBe('second')
  next.child.kill('SIGTERM')
  expect(await next.ended()).toBe(0)
})

test('a Node.js that binds in another way is warned of, and hands over all the same', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') })
  const port = await freePort()
  const env = {
    HANDOFF_RENDEZVOUS: join(project.path, 'rendezvous.sock'),
    NODE_OPTIONS: `--require ${nodeOfTomorrow}`,
  }
  const old = start(project, 'server.mjs', port, env)
  await old.says(/handoff: cannot hook the step .*\[ERR_HANDOFF_UNKNOWN_NODE\]/)
  await old.listensAlone()
  // It listens a moment before another process can take over.
  await until('others can take over', () => existsSync(env.HANDOFF_RENDEZVOUS))
  project.write('server.mjs', plainServer('second'))
  const next = start(project, 'server.mjs', port, env)
  await next.listensAlone()
  expect(await old.ended()).toBe(0)
  expect(await ask(port)).toBe('second')
  next.child.kill('SIGTERM')
  expect(await next.ended()).toBe(0)
})

test('a program that listens to SIGUSR2 keeps it', async () => {
  const own = `process.on('SIGUSR2', () => console.log('own SIGUSR2'))\n`
  const project = makeProject({ 'server.mjs': plainServer('first') + own })
  const run = start(project, 'server.mjs', await freePort())
  const { pid } = await run.listensAlone()
  process.kill(pid, 'SIGUSR2')
  await run.prints(/^own SIGUSR2/)
  process.kill(pid, 'SIGTERM')
  expect(await run.ended()).toBe(0)
  expect(run.output.lines.filter((line) => line.startsWith('listening'))).toHaveLength(1)
})

test("in a worker of somebody else's cluster listeners are refused with what to use", async () => {
  const project = makeProject({
    'cluster.mjs': `
      import cluster from 'node:cluster'
      cluster.setupPrimary({ exec: 'server.mjs', execArgv: ['--import', 'socket-handoff/register'] })
      cluster.fork({ PORT: ${await freePort()} })
    `,
    'server.mjs': `
      import http from 'node:http'
      http.createServer().listen(Number(process.env.PORT)).on('error', ({ code, message }) => {
        console.log('refused', code, message)
        process.exit()
      })
    `,
  })
  const child = spawn(process.execPath, ['cluster.mjs'], { cwd: project.path, env: project.env })
  const [line] = await new Run(child).prints(/^refused .*/)
  expect(line).toMatch(/ERR_HANDOFF_CLUSTER cannot listen.*without cluster/)
})
