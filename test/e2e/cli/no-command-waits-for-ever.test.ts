import { expect, test } from 'vitest'
import { makeProject, serverReplying } from '../../support/cli-project.ts'
import { alive } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'

test('each command reports a supervisor that is stopped, and the server serves on', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid } = await run.listens()
  const supervisor = run.child.pid as number
  process.kill(supervisor, 'SIGSTOP')

  const commands = [['status'], ['reload'], ['reload', '--json'], ['stop'], ['upgrade']]
  const ends = await Promise.all(commands.map((args) => project.handoff(...args, 'web')))
  for (const [index, { exitCode, stderr }] of ends.entries()) {
    const command = commands[index]?.join(' ')
    expect(exitCode, command).toBe(1)
    expect(stderr, command).toContain('[ERR_HANDOFF_UNRESPONSIVE]')
    expect(stderr, command).toContain(`its supervisor (pid ${supervisor}) has not answered for`)
  }
  const again = await project.handoff('run', '--name', 'web', 'server.mjs')
  expect(again.exitCode).toBe(1)
  expect(again.stderr).toContain('[ERR_HANDOFF_ALREADY_RUNNING]')
  expect(alive(pid)).toBe(true)

  process.kill(supervisor, 'SIGCONT')
  // A command that was given up may still be carried out; none of them was a stop that was sent.
  await until('the supervisor answers', async () => (await project.status('web')).serving !== null)
})
