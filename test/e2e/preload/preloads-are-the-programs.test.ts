// What an operator preloads runs in the generations alone: with its listeners, and with today's .env.

import { execFile, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, main, makeProject, type Project, Run } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'

/** Answers for its own process on a port of its own; a second one on the port dies of it. */
const telemetry = `
  require('node:http')
    .createServer((_, response) => response.end('metrics of ' + process.pid))
    .listen(Number(process.env.METRICS_PORT), '127.0.0.1')
    .unref()
`

/** Sets what is not set yet, as dotenv/config does. */
const dotenv = `
  for (const line of require('node:fs').readFileSync('.env', 'utf8').split('\\n')) {
    const [name, value] = line.split('=')
    if (value !== undefined) process.env[name] ??= value
  }
`

const server = `
  import http from 'node:http'
  const { COLOUR, NODE_OPTIONS } = process.env
  const facts = { pid: process.pid, COLOUR, NODE_OPTIONS, execArgv: process.execArgv }
  http.createServer((_, response) => response.end(JSON.stringify(facts)))
    .listen(Number(process.argv[2]), '127.0.0.1')
`

interface Facts {
  pid: number
  COLOUR?: string
  NODE_OPTIONS?: string
  execArgv: string[]
}

async function factsOf(port: number): Promise<Facts> {
  return JSON.parse(await ask(port))
}

/** The command as npm links it, with the environment of the project. */
function handoff({ path: cwd, env }: Project, ...args: string[]) {
  const bin = join(dirname(main), '../../bin/handoff.mjs')
  return promisify(execFile)(bin, args, { cwd, env })
}

/** Where an operator can write flags of Node.js. */
interface Written {
  before?: string[]
  after?: string[]
  options?: string
}

function run(project: Project, { before = [], after = [], options }: Written, port: number): Run {
  const args = [
    main,
    'run',
    '--name',
    'web',
    '--probation',
    '0',
    ...after,
    'server.mjs',
    String(port),
  ]
  const child = spawn(process.execPath, [...before, ...args], {
    cwd: project.path,
    env: { ...project.env, ...(options && { NODE_OPTIONS: options }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Run(child)
}

test.each<[string, Written]>([
  ['NODE_OPTIONS', { options: '--require ./telemetry.cjs' }],
  ['a flag of handoff run', { after: ['--import', './telemetry.mjs'] }],
  ['a flag before the command', { before: ['-r', './telemetry.cjs'] }],
])('an exporter preloaded by %s is that of the process that serves', async (_, written) => {
  const files = { 'telemetry.cjs': telemetry, 'telemetry.mjs': "import './telemetry.cjs'" }
  const project = makeProject({ 'server.mjs': server, ...files })
  const [port, metrics] = [await freePort(), await freePort()]
  project.env.METRICS_PORT = String(metrics)
  const started = run(project, written, port)
  await started.says(/generation 1 \(pid \d+\) serves on .*, .* after/)
  const first = await factsOf(port)
  expect(await ask(metrics)).toBe(`metrics of ${first.pid}`)
  // What the program sees is what the operator wrote.
  expect(first.NODE_OPTIONS).toBe(written.options)
  expect(first.execArgv).toEqual(written.before ?? written.after ?? [])

  if (written.options) project.env.NODE_OPTIONS = written.options
  await handoff(project, 'reload', 'web', '--wait', 'exit')
  const { pid } = await factsOf(port)
  expect(pid).not.toBe(first.pid)
  expect(await ask(metrics)).toBe(`metrics of ${pid}`)
  await handoff(project, 'stop', 'web')
  expect(await started.ended()).toBe(0)
})

test.each<[string, Written]>([
  ['a preload in NODE_OPTIONS', { options: '-r ./dotenv.cjs' }],
  ['--env-file of node', { before: ['--env-file=.env'] }],
  ['--env-file of handoff run', { after: ['--env-file', '.env'] }],
])('an edit of .env is seen by the next generation, with %s', async (_, written) => {
  const files = { 'dotenv.cjs': dotenv, '.env': 'COLOUR=red' }
  const project = makeProject({ 'server.mjs': server, ...files })
  const port = await freePort()
  const started = run(project, written, port)
  await started.says(/generation 1 .* serves/)
  expect((await factsOf(port)).COLOUR).toBe('red')
  project.write('.env', 'COLOUR=green')
  await project.handoff('reload', 'web')
  expect((await factsOf(port)).COLOUR).toBe('green')
  // A variable of the operator's own wins, as with Node.js alone.
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  project.env.COLOUR = 'blue'
  await run(project, written, port).says(/generation 1 .* serves/)
  expect((await factsOf(port)).COLOUR).toBe('blue')
})
