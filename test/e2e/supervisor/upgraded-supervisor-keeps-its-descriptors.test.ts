// A supervisor that has become another release keeps its lock, its sockets and the listeners to itself.

import { readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { descriptors, gone, hasProc, keptOnExec } from '../../support/process-facts.ts'
import { makeRelease, upgradeBy } from '../../support/release.ts'

/** A server that answers with what a child of it has open, one a line. */
const server = `
  import { execFileSync } from 'node:child_process'
  import http from 'node:http'
  const list = 'for fd in /proc/$$/fd/*; do readlink $fd; done; true'
  const server = http.createServer((request, response) => {
    response.end(execFileSync('sh', ['-c', list]))
  })
  server.listen(Number(process.env.PORT), '127.0.0.1', () => {
    console.log('listening', process.pid, server.address().port)
  })
`

test.runIf(hasProc)('no generation, and no child of one, has a descriptor of its', async () => {
  const port = await freePort()
  const PORT = String(port)
  const project = makeProject({ 'package.json': '{}', 'server.mjs': server })
  const run = project.run(['--name', 'web', 'server.mjs'], { PORT })
  await run.listens()
  const place = { name: 'web', directory: project.runs }
  await run.says(/generation 1 .* serves on/)

  for (const version of ['7.0.1', '7.0.2']) {
    const { exitCode, output } = await upgradeBy(makeRelease(version).command, place)
    expect(exitCode, output).toBe(0)
    await run.says(new RegExp(`the supervisor is release ${version.replaceAll('.', '\\.')} now`))
    expect(keptOnExec(run.pid)).toEqual([])
  }

  // Stdio is everybody's.
  const stdio = [0, 1, 2].map((fd) => readlinkSync(`/proc/${run.pid}/fd/${fd}`))
  const own = descriptors(run.pid)
    .filter((name) => /^socket:|lock$/.test(name))
    .filter((name) => !stdio.includes(name))
  expect(own.length).toBeGreaterThan(3)
  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  const { pid } = await run.listens()
  const shared = new Set(descriptors(pid).filter((name) => own.includes(name)))
  // The listener that is kept for a crash goes to each generation, by intent.
  expect([...shared].filter((name) => name.endsWith('lock'))).toEqual([])
  expect(shared.size).toBeLessThanOrEqual(1)
  const ofChild = (await ask(port)).split('\n')
  expect(ofChild.filter((name) => own.includes(name))).toEqual([])

  // The kernel lets the next supervisor in as soon as this one has gone.
  process.kill(run.pid, 'SIGKILL')
  await gone(run.pid)
  const next = project.run(['--name', 'web', 'server.mjs'], { PORT })
  await next.listens()
  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(await next.ended()).toBe(0)
})
