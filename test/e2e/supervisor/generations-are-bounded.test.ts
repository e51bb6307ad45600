// Old generations that do not end do not pile up without end: a reload says so, and starts nothing.

import http from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { makeProject, type Project } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { alive, gone } from '../../support/process-facts.ts'

/** Its replies never end: a connection keeps its generation. */
const server = `
  import http from 'node:http'
  http.createServer((request, response) => {
    response.write(String(process.pid))
  }).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening', process.pid, 0))
`

async function start(flags: string[]) {
  const port = await freePort()
  const project = makeProject({ 'package.json': '{}', 'server.mjs': server })
  const run = project.run(['--name', 'web', '--probation', '0', ...flags, 'server.mjs'], {
    PORT: String(port),
  })
  await run.says(/generation 1 .* serves on/)
  /** Holds on to the generation that serves, and gives its pid. */
  const hold = () =>
    new Promise<number>((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, agent: false }, (response) => {
        response.once('data', (text) => resolve(Number(text)))
        response.on('error', () => {})
      })
      request.on('error', reject)
      onTestFinished(() => void request.destroy())
    })
  return { project, run, hold }
}

const reload = (project: Project, ...flags: string[]) =>
  project.handoff('reload', 'web', '--json', ...flags)

test('a reload that would start one too many is refused, and status tells how many run', async () => {
  const { project, run, hold } = await start(['--max-generations', '3'])
  const oldest = await hold()
  expect((await reload(project)).exitCode).toBe(0)
  await hold()
  expect((await reload(project)).exitCode).toBe(0)
  const before = await project.status('web')
  expect(before).toMatchObject({ maxGenerations: 3, generation: 3 })
  expect(before.processes).toHaveLength(3)
  expect((await project.handoff('status', 'web')).stdout).toMatch(/^generations +3 of 3$/m)

  const refused = await reload(project)
  expect(refused.exitCode).toBe(1)
  expect(refused.stdout + refused.stderr).toMatch(/ERR_HANDOFF_TOO_MANY_GENERATIONS/)
  expect(refused.stdout + refused.stderr).toContain(`generation 1 (pid ${oldest}, 1 connection`)
  // A signal is announced in the same way, and ends nothing.
  process.kill(run.pid, 'SIGHUP')
  await run.says(/ERR_HANDOFF_TOO_MANY_GENERATIONS/)
  const after = await project.status('web')
  expect(after.processes.map(({ pid }) => pid)).toEqual(before.processes.map(({ pid }) => pid))

  process.kill(oldest, 'SIGKILL')
  await run.says(/generation 1 .* was killed by SIGKILL/)
  expect((await reload(project)).exitCode).toBe(0)
})

test('with --watch the oldest is ended instead', async () => {
  const { project, run, hold } = await start(['--max-generations', '2', '--watch'])
  await run.output.waitFor(/watching/)
  const first = await hold()
  project.write('server.mjs', `${server}\n// once more`)
  await run.says(/generation 2 .* serves on/)
  const second = await hold()
  expect(alive(first)).toBe(true)
  project.write('server.mjs', `${server}\n// and again`)
  await run.says(new RegExp(`killing generation 1 .pid ${first}.: at most 2 generations may run`))
  await gone(first)
  await run.says(/generation 3 .* serves on/)
  expect(alive(second)).toBe(true)
})
