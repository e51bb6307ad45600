// How a program ends that has, or has not, an end of its own.

import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'
import { gone } from '../../support/process-facts.ts'

const timers = 'setInterval(() => {}, 1000)\n'

/** Ends as most programs do, with something to write at last. */
const ownEnd = `
  process.on('SIGTERM', () => {
    console.log('ends', process.pid)
    server.close(() => setTimeout(() => {
      console.log('flushed', process.pid)
      process.exit()
    }, 100))
  })
`

test('a replaced process ends by itself, whatever timers it has', async () => {
  const project = makeProject({ 'server.mjs': timers + plainServer('first') })
  const port = await freePort()
  const run = project.run(['--probation', '0', '--name', 'web', 'server.mjs', String(port)])
  const { pid } = await run.listens()
  expect((await project.handoff('reload', 'web', '--wait', 'exit')).exitCode).toBe(0)
  await gone(pid)
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

/** A server with something under way, which it answers at SIGUSR1. */
async function busy(end = '', flags: readonly string[] = []) {
  const project = makeProject({ 'server.mjs': timers + plainServer('first') + end })
  const port = await freePort()
  const run = project.run([...flags, '--name', 'web', 'server.mjs', String(port)])
  const { pid } = await run.listens()
  const slow = ask(port, '/slow')
  await run.prints(/^asked/)
  return { project, run, pid, slow }
}

test('its own end comes after its last request, and no reload waits for it', async () => {
  const { project, run, pid, slow } = await busy(ownEnd, ['--probation', '0'])
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  expect(`${run.output}`).not.toContain(`ends ${pid}`)
  process.kill(pid, 'SIGUSR1')
  expect(await slow).toBe('first')
  await run.output.waitFor(new RegExp(`^flushed ${pid}`))
  await gone(pid)
})

test('at a stop a program with an end of its own ends by that', async () => {
  const { project, run, pid, slow } = await busy(ownEnd)
  const stopped = project.handoff('stop', 'web')
  await run.prints(/^ends/)
  process.kill(pid, 'SIGUSR1')
  expect(await slow).toBe('first')
  expect((await stopped).exitCode).toBe(0)
  await run.output.waitFor(new RegExp(`^flushed ${pid}`))
  expect(await run.ended()).toBe(0)
})

test('at a stop a program without one finishes what is under way', async () => {
  const { project, run, pid, slow } = await busy()
  const stopped = project.handoff('stop', 'web')
  await run.says(/stopping/)
  process.kill(pid, 'SIGUSR1')
  expect(await slow).toBe('first')
  expect((await stopped).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
})

test('a program that closes its servers and waits for the loop to end does end', async () => {
  const close = `process.on('SIGTERM', () => server.close())\n`
  const project = makeProject({ 'server.mjs': plainServer('first') + close })
  const run = project.run(['--name', 'web', 'server.mjs', String(await freePort())])
  await run.listens()
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})

test('at a stop in probation the old process ends last, and is not said to serve again', async () => {
  const endsAfter = (ms: number) => `
    process.on('SIGTERM', () => server.close(() => setTimeout(() => process.exit(), ${ms})))`
  const project = makeProject({ 'server.mjs': plainServer('first') + endsAfter(700) })
  const port = await freePort()
  const run = project.run(['--probation', '60', '--name', 'web', 'server.mjs', String(port)])
  const { pid } = await run.listens()
  await run.says(/generation 1 .* serves/)
  project.write('server.mjs', plainServer('second') + endsAfter(0))
  expect((await project.handoff('reload', 'web')).exitCode).toBe(0)
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  await gone(pid)
  expect(await run.ended()).toBe(0)
  expect(`${run.output}`).not.toContain('taken back')
})
