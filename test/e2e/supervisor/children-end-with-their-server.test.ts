// Helpers that a server has started do not outlive it, and do not pile up over generations.

import { expect, onTestFinished, test } from 'vitest'
import { makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { plainServer } from '../../support/plain-server.ts'
import { alive, gone, hasProc } from '../../support/process-facts.ts'

const helpers = `
  const { spawn } = await import('node:child_process')
  const helper = spawn('sleep', ['600'], { stdio: 'ignore' })
  const own = spawn('sleep', ['600'], { stdio: 'ignore', detached: true })
  console.log('helpers', helper.pid, own.pid)
`

const onLinux = test.runIf(hasProc)

onLinux('at a handoff and at a stop; a process with a session of its own stays', async () => {
  const project = makeProject({ 'server.mjs': plainServer('first') + helpers })
  const port = await freePort()
  const run = project.run(['--probation', '0', '--name', 'web', 'server.mjs', String(port)])
  const pids: number[] = []
  const owns: number[] = []
  onTestFinished(() => {
    for (const pid of owns) process.kill(pid, 'SIGKILL')
  })
  const started = async () => {
    const [, helper, own] = await run.prints(/^helpers (\d+) (\d+)/)
    pids.push(Number(helper))
    owns.push(Number(own))
    await run.says(/serves/)
  }
  await started()
  for (let reload = 1; reload <= 2; reload++) {
    const { exitCode, stderr } = await project.handoff('reload', 'web', '--wait', 'exit')
    expect(exitCode, stderr).toBe(0)
    await started()
    await gone(pids.at(-2) as number)
    expect(alive(pids.at(-1) as number)).toBe(true)
  }
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  for (const pid of pids) expect(alive(pid)).toBe(false)
  for (const pid of owns) expect(alive(pid)).toBe(true)
  expect(await run.ended()).toBe(0)
})

onLinux('where the first start fails, too', async () => {
  const project = makeProject({ 'server.mjs': `${helpers}\nprocess.exit(3)` })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const [, helper, own] = await run.prints(/^helpers (\d+) (\d+)/)
  onTestFinished(() => void process.kill(Number(own), 'SIGKILL'))
  expect(await run.ended()).toBe(1)
  expect(alive(Number(helper))).toBe(false)
})
