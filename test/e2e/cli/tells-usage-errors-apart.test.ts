import { expect, test } from 'vitest'
import { makeProject } from '../../support/cli-project.ts'

test.each([
  [[], 'Usage: handoff'],
  [['bogus'], "unknown command 'bogus'"],
  [['run'], "missing required argument 'entry'"],
  [['run', '--drain-timeout', 'soon', 'x.js'], 'Give a duration: 500ms, 30s, 2m.'],
  [['run', '--ready-timeout', '0', 'x.js'], 'Give a duration above 0'],
  [['run', '--name', '../x', 'x.js'], 'Give a name of up to 64 letters'],
  [['run', '--bogus', 'x.js'], "unknown option '--bogus'"],
  [['reload', '--wait', 'ready'], 'Allowed choices are exit'],
  [['status', 'a', 'b'], 'too many arguments'],
  [['stop', '/x'], 'Give a name of up to 64 letters'],
])('%j is not understood', async (args, text) => {
  const { exitCode, stdout, stderr } = await makeProject({}).handoff(...args)
  expect(stderr).toContain(text)
  expect([exitCode, stdout]).toEqual([2, ''])
})

test('help and version are no errors', async () => {
  const project = makeProject({})
  const help = await project.handoff('--help')
  expect(help).toMatchObject({ exitCode: 0, stderr: '' })
  for (const command of ['run', 'reload', 'status', 'stop']) expect(help.stdout).toContain(command)
  const version = await project.handoff('--version')
  expect(version).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    stderr: '',
  })
})

test.each([
  [['status', 'nosuch', '--json'], 1, 'ERR_HANDOFF_NOT_RUNNING'],
  [['reload', 'nosuch', '--json'], 1, 'ERR_HANDOFF_NOT_RUNNING'],
  [['stop', 'nosuch', '--json'], 1, 'ERR_HANDOFF_NOT_RUNNING'],
  [['upgrade', 'nosuch', '--json'], 1, 'ERR_HANDOFF_NOT_RUNNING'],
  [['upgrade', '--json', 'a', 'b'], 2, undefined],
  [['status', '--json', '--nope'], 2, undefined],
])('with --json a failure is JSON, too: handoff %j', async (args, exitCode, code) => {
  const ended = await makeProject({}).handoff(...args)
  expect(ended.exitCode).toBe(exitCode)
  const failure = JSON.parse(ended.stdout)
  expect(failure).toMatchObject({ type: 'error', ok: false, ...(code && { code }) })
  expect(ended.stderr).toContain(failure.message)
})
