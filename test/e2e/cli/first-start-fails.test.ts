import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeProject, serverReplying } from '../../support/cli-project.ts'
import { plainServer } from '../../support/plain-server.ts'
import { closeLater } from '../../support/scratch.ts'

test.each([
  ['throws', 'throw new RangeError("too far")', 'ERR_HANDOFF_APP_FAILED', 'RangeError: too far'],
  ['does not parse', 'const a = ;', 'ERR_HANDOFF_APP_FAILED', "SyntaxError: Unexpected token ';'"],
  ['imports what is not there', 'import "./no.js"', 'ERR_HANDOFF_APP_FAILED', 'Cannot find module'],
  ['exits', 'process.exit(3)', 'ERR_HANDOFF_EXITED', 'exited with code 3 before it served'],
  ['ends', '', 'ERR_HANDOFF_EXITED', 'it has not listened on any port or Unix path'],
  ['dies', 'process.kill(process.pid, "SIGKILL")', 'ERR_HANDOFF_EXITED', 'killed by SIGKILL'],
])('an entry that %s ends the run with its reason', async (_, source, code, reason) => {
  const project = makeProject({ 'server.mjs': source })
  const { exitCode, stdout, stderr } = await project.handoff('run', 'server.mjs')

  const last = stderr.split('\n').at(-1)
  expect(last).toMatch(/^handoff: cannot start server\.mjs/)
  expect(last).toContain(reason)
  expect(last).toMatch(new RegExp(`No process serves\\. \\[${code}\\]$`))
  expect(stdout).toBe('')
  expect(exitCode).toBe(1)
  expect(project.processes()).toEqual([])
})

test.each([
  ['a hook', '', 'throw new RangeError("no database")', 'RangeError: no database'],
  [
    'the health check',
    '{ healthCheck: () => { throw new RangeError("no database") } }',
    '',
    'the health check failed: RangeError: no database',
  ],
])('of a Fastify app with the plugin, %s that throws is named like any other', async (...given) => {
  const [, options, hook, reason] = given
  const project = makeProject({
    'server.mjs': `import Fastify from 'fastify'
import handoff from 'fastify-socket-handoff'
const app = Fastify()
await app.register(handoff, ${options || '{}'})
app.addHook('onReady', async () => { ${hook} })
await app.listen({ host: '127.0.0.1', port: 0 })
`,
  })
  const { exitCode, stderr } = await project.handoff('run', 'server.mjs')
  const place = join(project.path, 'server.mjs')
  const text = `cannot start server\\.mjs \\(pid \\d+\\): ${reason} \\(${place}:[45]\\)\\.`
  expect(stderr.split('\n').at(-1)).toMatch(new RegExp(`^handoff: ${text}`))
  expect(exitCode).toBe(1)
})

test('an error of listen is the reason, too', async () => {
  const source = serverReplying('').replace('port: 0', 'port: 1e9')
  const project = makeProject({ 'server.mjs': source })
  const { exitCode, stderr } = await project.handoff('run', 'server.mjs')
  expect(stderr).toMatch(/\[ERR_HANDOFF_/)
  expect(exitCode).toBe(1)
})

test.each([
  [
    'a server with a handoff',
    (port: number) => serverReplying('').replace('port: 0', `port: ${port}`),
  ],
  ['a plain one', (port: number) => plainServer('').replace('process.argv[2]', String(port))],
])('where another program listens at the address of %s, that is told', async (_, sourceFor) => {
  const other = closeLater(net.createServer())
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as net.AddressInfo
  const project = makeProject({ 'server.mjs': sourceFor(port) })
  const { exitCode, stderr } = await project.handoff('run', 'server.mjs')
  const where = `cannot start: listen EADDRINUSE: address already in use 127\\.0\\.0\\.1:${port}`
  const remedy = `\\(another program listens there: .*, pid ${process.pid}\\)`
  expect(stderr.split('\n').at(-1)).toMatch(
    new RegExp(
      `^handoff: ${where} ${remedy}\\. No process serves\\. \\[ERR_HANDOFF_LISTEN_FAILED\\]$`,
    ),
  )
  expect(exitCode).toBe(1)
})

test('an entry that hangs is killed at the deadline, and told what it lacks', async () => {
  const project = makeProject({ 'server.mjs': 'for (;;);' })
  const { exitCode, stderr } = await project.handoff(
    ...['run', '--ready-timeout', '1s', 'server.mjs'],
  )
  expect(stderr).toMatch(/did not serve within 6 s; it has not listened on any port/)
  expect(stderr).toContain('[ERR_HANDOFF_TIMEOUT]')
  expect(exitCode).toBe(1)
  expect(project.processes()).toEqual([])
})

test('a run whose control socket cannot be opened ends, and leaves nothing of its own', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('') })
  const directory = join(project.runs, 'server')
  mkdirSync(join(directory, 'control.sock'), { recursive: true, mode: 0o700 })
  const { exitCode, stderr } = await project.handoff('run', 'server.mjs')
  expect(stderr).toContain('EISDIR')
  expect(exitCode).toBe(1)
  expect(readdirSync(directory)).toEqual(['control.sock'])
})

test('an entry that is not there is told before anything is started', async () => {
  const project = makeProject({})
  const { exitCode, stderr } = await project.handoff('run', 'none.js')
  expect(stderr).toMatch(/^handoff: cannot start none\.js: ENOENT.* \[ERR_HANDOFF_ENTRY\]$/)
  expect(exitCode).toBe(1)
})
