import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { ask, main, makeProject, Run, serverReplying } from '../../support/cli-project.ts'
import { gone } from '../../support/process-facts.ts'

test.each(['SIGHUP', 'SIGUSR2'] as const)('%s reloads', async (signal) => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['server.mjs'])
  await run.listens()
  project.write('server.mjs', serverReplying('two'))

  run.child.kill(signal)

  await run.says(new RegExp(`${signal} received: a new process starts`))
  const { port } = await run.listens()
  await run.says(/generation 2 .* serves/)
  // Until the end of the ramp both answer.
  await run.says(/generation 1 .* has drained/)
  expect(await ask(port)).toBe('two')
})

test('signals in the middle of a start lead to one more start after it', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['server.mjs'])
  await run.listens()
  for (let i = 0; i < 5; i++) run.child.kill('SIGHUP')
  await run.says(/generation [23] .* serves/)
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
  const generations = run.output.lines.filter((line) => / serves on /.test(line)).length
  expect(generations).toBeLessThanOrEqual(3)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets the server finish, then exits with 0',
  async (signal) => {
    const project = makeProject({ 'server.mjs': serverReplying('late', 1_500) })
    const run = project.run(['server.mjs'])
    const { pid, port } = await run.listens()
    const reply = ask(port, '/slow')
    await run.prints(/^asked/)

    run.child.kill(signal)

    expect(await reply).toBe('late')
    expect(await run.ended()).toBe(0)
    await gone(pid)
  },
)

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('a second %s waits for nobody and exits with %d', async (signal, code) => {
  const project = makeProject({ 'server.mjs': serverReplying('never') })
  const run = project.run(['server.mjs'])
  const { pid, port } = await run.listens()
  const reply = ask(port, '/slow')
  const cut = expect(reply).rejects.toThrow()
  await run.prints(/^asked/)

  run.child.kill(signal)
  await run.says(/stopping: 1 process to drain/)
  run.child.kill(signal)

  expect(await run.ended()).toBe(code)
  await cut
  await gone(pid)
})

test('a SIGTERM before the server serves ends it', async () => {
  const project = makeProject({
    'server.mjs': 'console.log("booting"); setInterval(() => {}, 1e5)',
  })
  const run = project.run(['server.mjs'])
  await run.prints(/^booting/)
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

/** Runs a command in a terminal of its own, whose other end it prints and then hangs up. */
const terminal = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
line = sys.stdin.buffer
os.set_blocking(fd, True)
while True:
    data = os.read(fd, 4096)
    os.write(1, data)
    if b"listening" in data:
        break
sys.stdin.read(1)
os.close(fd)
os.waitpid(pid, 0)
`

test('the end of its terminal stops a run, which would otherwise serve on unseen', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const python = spawn('python3', ['-c', terminal, process.execPath, main, 'run', 'server.mjs'], {
    cwd: project.path,
    env: project.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const run = new Run(python)
  const { pid, port } = await run.listensAlone()
  expect(await ask(port)).toBe('here')

  python.stdin?.end()

  await once(python, 'exit')
  await gone(pid)
  expect(project.processes()).toEqual([])
})
