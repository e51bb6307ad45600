// With --standby a process that was started ahead goes on with a reload, also in a ramp.

import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'
import { isAsleep } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'

const plain = `
  import http from 'node:http'
  http.createServer((_, response) => response.end('plain'))
    .listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening', process.pid, process.env.PORT))`

test.each([
  ['without code for handoffs', plain, 'plain'],
  ['with createHandoff', serverReplying('library'), 'library'],
])('a program %s goes on in it', async (_, server, reply) => {
  const project = makeProject({ 'package.json': '{ "type": "module" }', 'server.js': server })
  const run = project.run(['--standby', '--name', 'app', 'server.js'], { PORT: '24617' })
  const { port } = await run.listens()
  await run.says(/generation 1 .* serves/)
  for (const _ of [2, 3]) {
    const ahead = await until('a process waits', async () => {
      const { standby } = await project.status('app')
      return standby !== undefined && isAsleep(standby) && standby
    })
    expect((await project.handoff('status', 'app')).stdout).toContain(
      `standby      pid ${ahead} waits for the next reload`,
    )
    expect((await project.handoff('reload', 'app')).exitCode).toBe(0)
    const { serving } = await project.status('app')
    expect(serving).toBe(ahead)
    expect(await ask(port)).toBe(reply)
  }
  expect((await project.handoff('stop', 'app')).exitCode).toBe(0)
  expect(await run.ended()).toBe(0)
  expect(project.processes()).toEqual([])
})
