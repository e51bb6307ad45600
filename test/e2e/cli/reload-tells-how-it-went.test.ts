import { expect, test } from 'vitest'
import { ask, makeProject, serverReplying } from '../../support/cli-project.ts'

test('a reload shows the stages of both sides, and ends when the new generation serves', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const first = await run.listens()
  project.write('server.mjs', serverReplying('two'))

  const { exitCode, stdout, stderr } = await project.handoff('reload', 'web')

  expect([exitCode, stderr]).toEqual([0, ''])
  const lines = stdout.split('\n')
  for (const stage of ['discover', 'receive', 'adopt', 'ready', 'serving']) {
    expect(stdout).toMatch(new RegExp(`^ +\\d+ ms  new  \\d+ +${stage}\\b`, 'm'))
  }
  for (const stage of ['offer', 'send']) {
    expect(stdout).toMatch(new RegExp(`^ +\\d+ ms  old  ${first.pid} +${stage}\\b`, 'm'))
  }
  expect(lines.at(-1)).toMatch(/^generation 2 serves \(pid \d+\) after \d+ ms$/)
  expect(await ask(first.port)).toBe('two')
})

test('in JSON it is one object a line, the last one the result', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const first = await run.listens()

  const { exitCode, stdout } = await project.handoff('reload', 'web', '--json')
  const second = await run.listens()

  expect(exitCode).toBe(0)
  const lines = stdout.split('\n').map((line) => JSON.parse(line))
  expect(lines.at(-1)).toEqual({
    type: 'result',
    ok: true,
    generation: 2,
    pid: second.pid,
    serving: 'new',
    servesAfterMs: expect.any(Number),
    aloneAfterMs: expect.any(Number),
    old: {
      ...{ pid: first.pid, generation: 1, drained: true, connections: 0 },
      counts: { handedOver: 0, drained: 0, closed: 0, forced: 0 },
      fates: { handedOver: {}, drained: {}, closed: {}, forced: {}, takenBack: {} },
    },
    atMs: expect.any(Number),
  })
  expect(lines.find((line) => line.type === 'serving')).toMatchObject({
    pid: second.pid,
    generation: 2,
    replaces: { pid: first.pid, generation: 1 },
    listeners: [`tcp:127.0.0.1:${first.port}`],
  })
  for (const line of lines) expect(line).toMatchObject({ atMs: expect.any(Number) })
})

test('a new process that fails leaves the old one serving, and the reload says why', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid, port } = await run.listens()
  project.write('server.mjs', 'throw new RangeError("too far")')

  const { exitCode, stderr } = await project.handoff('reload', 'web')
  expect(stderr).toMatch(/^handoff: cannot start server\.mjs \(pid \d+\): RangeError: too far/)
  expect(stderr).toContain(`Generation 1 (pid ${pid}) serves on. [ERR_HANDOFF_APP_FAILED]`)
  expect(exitCode).toBe(1)

  const { exitCode: again, stdout } = await project.handoff('reload', 'web', '--json')
  expect(JSON.parse(stdout.split('\n').at(-1) ?? '')).toMatchObject({
    type: 'result',
    ok: false,
    generation: 1,
    pid,
    serving: 'old',
    code: 'ERR_HANDOFF_APP_FAILED',
    message: expect.stringContaining('RangeError: too far'),
  })
  expect(again).toBe(1)
  expect(await ask(port)).toBe('one')
  expect((await project.status('web')).handoffs).toMatchObject({
    completed: 0,
    aborted: 2,
    last: { outcome: 'aborted', pid, generation: 1, code: 'ERR_HANDOFF_APP_FAILED' },
  })
})

test('--wait exit returns when the old process has gone', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '0', 'server.mjs'])
  const { pid } = await run.listens()

  const { exitCode, stdout } = await project.handoff('reload', 'web', '--wait', 'exit')

  expect(exitCode).toBe(0)
  expect(project.processes()).not.toContain(pid)
  expect(stdout).toMatch(new RegExp(`old  ${pid} +exit`))
})

test('--wait exit tells when the old process has taken back', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const { pid, port } = await run.listens()
  project.write('server.mjs', `${serverReplying('two')}\nprocess.kill(process.pid, 'SIGKILL')`)

  const { exitCode, stderr } = await project.handoff('reload', 'web', '--wait', 'exit')

  expect(exitCode).toBe(1)
  expect(stderr).toContain(`Generation 1 (pid ${pid}) serves on.`)
  expect(await ask(port)).toBe('one')
  expect(await project.status('web')).toMatchObject({
    generation: 1,
    serving: pid,
    processes: [{ pid, stage: 'serving' }],
    handoffs: { completed: 0, aborted: 1, last: { outcome: 'taken-back' } },
    backoff: null,
  })
})

test('--wait exit tells when neither process is left', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const first = await run.listens()
  const reload = project.handoff('reload', 'web', '--wait', 'exit')
  const second = await run.listens()
  await run.says(/generation 2 .* serves/)

  // So that it cannot take back.
  process.kill(first.pid, 'SIGSTOP')
  process.kill(second.pid, 'SIGKILL')
  await run.says(/generation 2 .* was killed by SIGKILL/)
  process.kill(first.pid, 'SIGKILL')

  const { exitCode, stderr } = await reload
  expect(stderr).toContain('[ERR_HANDOFF_EXITED]')
  expect(exitCode).toBe(1)
  const third = await run.listens()
  expect(await ask(third.port)).toBe('one')
})
