// When a program that does not know of handoffs is taken for ready.

import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'

/** A second server, on the port of the second argument, which comes so much later. */
const second = (afterMs: number) => `
  setTimeout(() => {
    http.createServer((_, response) => response.end('second'))
      .listen(process.argv[3], '127.0.0.1', () => console.log('second listens', process.pid))
  }, ${afterMs})
`

test('with the last listener of the old process, at once', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') + second(0) })
  const ports = [await freePort(), await freePort()]
  // A minute: a reload that waited for it would not end within the test.
  const run = project.run(['--name', 'web', 'server.mjs', ...ports.map(String)], {
    HANDOFF_READY: '60000',
  })
  await run.prints(/^second listens/)
  await run.output.waitFor(/^! .*generation 1 .* serves/)
  project.write('server.mjs', plainServer('new') + second(300))
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  expect(await ask(ports[0] as number)).toBe('new')
  expect(await ask(ports[1] as number)).toBe('second')
  const [process] = (await project.status('web')).processes
  expect(process?.listeners).toHaveLength(2)
})

test('HANDOFF_READY=500: without the others so long after its last listen', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') + second(0) })
  const ports = [await freePort(), await freePort()]
  const run = project.run(['--name', 'web', 'server.mjs', ...ports.map(String)], {
    HANDOFF_READY: '500',
  })
  await run.prints(/^second listens/)
  await run.output.waitFor(/^! .*generation 1 .* serves/)
  project.write('server.mjs', plainServer('new'))
  const { exitCode, stdout, stderr } = await project.handoff('reload', 'web', '--json')
  expect(exitCode, stderr).toBe(0)
  expect(stdout).toContain(`${ports[1]} is no longer listened on`)
  await expect(ask(ports[1] as number)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('without a listener of the old process never, unless the operator gives that up', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') + second(0) })
  const ports = [await freePort(), await freePort()]
  const flags = ['--ready-timeout', '3s', '--name', 'web']
  const run = project.run([...flags, 'server.mjs', ...ports.map(String)])
  await run.prints(/^second listens/)
  await run.output.waitFor(/^! .*generation 1 .* serves/)
  project.write('server.mjs', plainServer('new'))
  const missing = `this process does not listen on tcp:127.0.0.1:${ports[1]}, and the old process does`

  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode).toBe(1)
  expect(stderr).toContain(`cannot take over: ${missing}`)
  expect(stderr).toContain('[ERR_HANDOFF_LISTENER_MISSING]')
  expect(`${run.output}`).toContain(`handoff: not ready yet: ${missing}`)
  expect(await ask(ports[0] as number)).toBe('first')
  expect(await ask(ports[1] as number)).toBe('second')

  const dropped = await project.handoff('reload', 'web', '--drop', String(ports[1]))
  expect(dropped.exitCode, dropped.stderr).toBe(0)
  expect(await ask(ports[0] as number)).toBe('new')
  await expect(ask(ports[1] as number)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test.each([
  ["process.send('ready')", "if (process.send) process.send('ready')"],
  [
    'READY=1',
    `const { execFileSync } = await import('node:child_process')
     execFileSync('python3', ['notify.py', 'READY=1\\nSTATUS=warm'])`,
  ],
])('HANDOFF_READY=message: at %s', async (_, say) => {
  const told = `
    const { once } = await import('node:events')
    if (process.argv[3] !== undefined) await once(process, 'SIGUSR1')
    ${say}
  `
  const project = makeProject({
    'server.mjs': plainServer('first') + say,
    'notify.py': `
import os, socket, sys
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to.sendto(sys.argv[1].encode(), os.environ['NOTIFY_SOCKET'])
`,
  })
  const port = await freePort()
  const run = project.run(['--name', 'web', 'server.mjs', String(port), 'wait'], {
    HANDOFF_READY: 'message',
  })
  await run.says(/generation 1 .* serves/)

  project.write('server.mjs', plainServer('second') + told)
  const reloaded = project.handoff('reload', 'web')
  await run.listens()
  const { pid } = await run.listensAlone()
  expect(await ask(port), 'it listens, but has not said that it is ready').toBe('first')
  process.kill(pid, 'SIGUSR1')
  const { exitCode, stderr } = await reloaded
  expect(exitCode, stderr).toBe(0)
  expect(await ask(port)).toBe('second')
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
})

test('an address in use is told as the reason, and the old process serves on', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') })
  const port = await freePort()
  const run = project.run(['--name', 'web', 'server.mjs', String(port)])
  await run.listens()
  // Overlaps with the old one's 127.0.0.1, and cannot be bound beside it.
  project.write('server.mjs', plainServer('second').replace("'127.0.0.1'", "'0.0.0.0'"))
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(stderr).toMatch(
    /cannot take over: .*EADDRINUSE.*an older process of this server, pid \d+, listens there .*\)\. Generation 1 .* serves on\. \[ERR_HANDOFF_LISTEN_FAILED\]/,
  )
  expect(exitCode).toBe(1)
  expect(await ask(port)).toBe('first')
})
