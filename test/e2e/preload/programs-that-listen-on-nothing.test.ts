// A queue consumer, a bot, a program on port 0, a program whose child listens: they run as they are.

import { expect, test } from 'vitest'
import { makeProject, untilFile } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { alive, gone } from '../../support/process-facts.ts'

/** A program gets half of the timeout until it listens. The other half is for its boot on a busy machine. */
const flags = ['--ready-timeout', '6s', '--probation', '0', '--name', 'bot']

const works = `
  setInterval(() => {}, 1000)
  process.on('SIGTERM', () => { console.log('ends', process.pid); process.exit() })
  console.log('works', process.pid)
`

const onPort0 = `
  import http from 'node:http'
  http.createServer().listen(0, '127.0.0.1', () => console.log('works', process.pid))
`

test.each([
  ['nothing', works],
  ['port 0', onPort0],
])('on %s: it runs, is replaced and stops in order', async (_, source) => {
  const project = makeProject({ 'bot.mjs': source })
  const run = project.run([...flags, 'bot.mjs'])
  const [, old] = await run.prints(/^works (\d+)/)
  await run.says(/there is nothing to hand over/)
  await run.says(/generation 1 .* serves after/)

  const { exitCode, stderr } = await project.handoff('reload', 'bot', '--wait', 'exit')
  expect(exitCode, stderr).toBe(0)
  await gone(Number(old))
  const { processes } = await project.status('bot')
  expect(processes).toMatchObject([{ generation: 2, stage: 'serving', listeners: [] }])
  expect(`${run.output}`.match(/nothing to hand over/g)).toHaveLength(1)
  expect((await project.handoff('stop', 'bot')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
})

test('one that ends by itself ends the run', async () => {
  const project = makeProject({ 'bot.mjs': untilFile('end', 'works') })
  const run = project.run([...flags, 'bot.mjs'])
  await run.says(/generation 1 .* serves after/)
  project.write('end', '')
  expect(await run.ended()).toBe(0)
})

test('one that imports socket-handoff late hands its listeners over', async () => {
  const port = await freePort()
  const project = makeProject({
    'bot.mjs': `
      import http from 'node:http'
      await new Promise((r) => setTimeout(r, 3500))
      const { createHandoff } = await import('socket-handoff')
      const handoff = await createHandoff()
      await handoff.listen(http.createServer(), { port: ${port}, host: '127.0.0.1' })
      await handoff.ready()
      console.log('listens')
    `,
  })
  const run = project.run([...flags, 'bot.mjs'])
  await run.prints(/^listens/)
  await run.says(/generation 1 .* serves/)
  const { processes } = await project.status('bot')
  expect(processes[0]?.listeners).toEqual([`tcp:127.0.0.1:${port}`])

  // The preload has joined the handoff by the time of the import, and gives way to it.
  const { exitCode, stderr } = await project.handoff('reload', 'bot')
  expect(exitCode, stderr).toBe(0)
  await run.prints(/^listens/)
  expect((await project.status('bot')).processes).toContainEqual(
    expect.objectContaining({
      generation: 2,
      stage: 'serving',
      listeners: [`tcp:127.0.0.1:${port}`],
    }),
  )
})

test.runIf(process.platform === 'linux')('a child that listens is named', async () => {
  const port = await freePort()
  const project = makeProject({
    'shim.mjs': `
      import { fork } from 'node:child_process'
      fork('server.mjs')
    `,
    'server.mjs': `
      import http from 'node:http'
      http.createServer().listen(${port}, '127.0.0.1')
    `,
  })
  const run = project.run([...flags, 'shim.mjs'])
  await run.says(
    new RegExp(`a child of the process \\(pid \\d+: .*server\\.mjs\\) listens on port ${port}`),
  )
  await run.says(/generation 1 .* serves after/)
})

test.runIf(process.platform === 'linux')('another port than the old one’s is named', async () => {
  const port = await freePort()
  const project = makeProject({
    'server.mjs': `
      import http from 'node:http'
      import net from 'node:net'
      const taken = await new Promise((resolve) =>
        net.connect(${port}, '127.0.0.1')
          .on('connect', function () { this.destroy(); resolve(true) })
          .on('error', () => resolve(false)))
      http.createServer().listen(taken ? 0 : ${port}, '127.0.0.1', function () {
        console.log('listening', process.pid, this.address().port)
      })
    `,
  })
  const run = project.run([...flags, 'server.mjs'])
  await run.listens()
  await run.says(/generation 1 .* serves on/)
  const reload = project.handoff('reload', 'bot')
  const other = await run.listensAlone()
  const { exitCode, stderr } = await reload
  expect(exitCode).toBe(1)
  expect(stderr).toContain(
    `does not listen on tcp:127.0.0.1:${port}, and the old process does; it listens on port ${other.port} instead`,
  )
  expect(stderr).toContain('[ERR_HANDOFF_LISTENER_MISSING]')
  expect(`${run.output}`).toContain('not ready yet')
})

test.runIf(process.platform === 'linux')('a child that listens is not given up', async () => {
  const port = await freePort()
  const project = makeProject({
    'shim.mjs': `
      import { fork } from 'node:child_process'
      const child = fork('server.mjs')
      setInterval(() => {}, 1000)
      child.on('exit', () => console.log('the child has ended'))
    `,
    'server.mjs': `
      import http from 'node:http'
      http.createServer((_, response) => response.end('child ' + process.pid))
        .listen(${port}, '127.0.0.1')
    `,
  })
  const run = project.run([...flags, 'shim.mjs'])
  await run.says(/generation 1 .* serves after/)
  const ask = async () => await (await fetch(`http://127.0.0.1:${port}`)).text()
  const answer = await ask()
  const child = Number(answer.split(' ')[1])

  const refused = await project.handoff('reload', 'bot')
  await run.prints(/^the child has ended/)
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toMatch(
    new RegExp(
      `child of the old process \\(pid ${child}: .*\\) listens on port ${port}, and no child`,
    ),
  )
  expect(refused.stderr).toContain('handoff run FILE')
  expect(refused.stderr).toContain('[ERR_HANDOFF_LISTENER_MISSING]')
  expect(await ask()).toBe(answer)
  expect(alive(child)).toBe(true)

  const dropped = await project.handoff('reload', 'bot', '--drop', String(port))
  expect(dropped.exitCode, dropped.stderr).toBe(0)
  await gone(child)
})
