import { once } from 'node:events'
import { statSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeProject, type Project, serverReplying } from '../../support/cli-project.ts'

interface Answer {
  status: number | undefined
  headers: http.IncomingHttpHeaders
  lines: Record<string, unknown>[]
}

async function request(project: Project, method: string, path: string): Promise<Answer> {
  const socketPath = join(project.runs, 'web/control.sock')
  const outgoing = http.request({ socketPath, method, path, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const lines = text.trim().split('\n')
  return {
    status: response.statusCode,
    headers: response.headers,
    lines: lines.map((line) => JSON.parse(line)),
  }
}

async function web(): Promise<{ project: Project; pid: number }> {
  const project = makeProject({ 'server.mjs': serverReplying('one') })
  const run = project.run(['--name', 'web', '--probation', '0', 'server.mjs'])
  const { pid } = await run.listens()
  return { project, pid }
}

test('GET /status is what `handoff status --json` prints', async () => {
  const { project, pid } = await web()
  const { status, headers, lines } = await request(project, 'GET', '/status')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/json')
  const { stdout } = await project.handoff('status', 'web', '--json')
  const printed = JSON.parse(stdout)
  for (const answer of [printed, ...lines]) {
    expect(answer).toMatchObject({ name: 'web', serving: pid, generation: 1 })
  }
  expect(lines.map((line) => Object.keys(line))).toEqual([Object.keys(printed)])
})

test('POST /reload streams events and closes with the result', async () => {
  const { project, pid } = await web()
  const { status, headers, lines } = await request(project, 'POST', '/reload?wait=exit')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/x-ndjson')
  expect(lines.at(-1)).toMatchObject({ type: 'result', ok: true, generation: 2 })
  expect(lines).toContainEqual(expect.objectContaining({ type: 'stage', stage: 'exit', pid }))
})

test('POST /reload takes another entry, and tells when it cannot be started', async () => {
  const { project, pid } = await web()
  project.write('next/server.mjs', serverReplying('two'))
  const entry = join(project.path, 'next/server.mjs')
  const query = new URLSearchParams({ entry, cwd: join(project.path, 'gone') })
  const failed = await request(project, 'POST', `/reload?${query}`)
  expect(failed.status).toBe(200)
  const result = { type: 'result', ok: false, code: 'ERR_HANDOFF_ENTRY', serving: 'old', pid }
  expect(failed.lines.at(-1)).toMatchObject(result)

  query.set('cwd', join(project.path, 'next'))
  const { lines } = await request(project, 'POST', `/reload?${query}`)
  expect(lines.at(-1)).toMatchObject({ type: 'result', ok: true, generation: 2 })
  const status = await request(project, 'GET', '/status')
  const program = { entry, workingDirectory: join(project.path, 'next') }
  expect(status.lines).toMatchObject([{ program }])
})

test('a reload goes on when its client hangs up', async () => {
  const { project } = await web()
  const socketPath = join(project.runs, 'web/control.sock')
  const outgoing = http.request({ socketPath, method: 'POST', path: '/reload', agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage]
  response.destroy()

  // The next one is refused or follows; the supervisor lives.
  const { status } = await request(project, 'POST', '/reload')
  expect([200, 409]).toContain(status)
  const { exitCode } = await project.handoff('stop', 'web')
  expect(exitCode).toBe(0)
})

test('what it does not know is answered with a status and a code', async () => {
  const { project } = await web()
  const cases = [
    ['GET', '/nothing', 404, 'NOT_FOUND', undefined],
    ['GET', '/toString', 404, 'NOT_FOUND', undefined],
    ['GET', '//', 404, 'NOT_FOUND', undefined],
    ['GET', '/reload', 405, 'METHOD_NOT_ALLOWED', 'POST'],
    ['DELETE', '/status', 405, 'METHOD_NOT_ALLOWED', 'GET'],
    ['POST', '/reload?wait=ready', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
    ['POST', '/reload?workers=0', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
    ['POST', '/reload?parallel=yes', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
    ['POST', '/reload?entry=server.mjs', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
    ['POST', '/reload?node=', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
    ['POST', '/reload?entyr=/srv/server.mjs', 400, 'ERR_HANDOFF_INVALID_OPTION', undefined],
  ] as const
  for (const [method, path, expected, code, allow] of cases) {
    const { status, headers, lines } = await request(project, method, path)
    const what = `${method} ${path}`
    expect(status, what).toBe(expected)
    expect(lines, what).toEqual([{ code, message: expect.any(String) }])
    expect(headers.allow, what).toBe(allow)
  }
})

test('nobody else can connect', async () => {
  const { project } = await web()
  for (const name of ['control.sock', 'notify.sock', 'rendezvous.sock']) {
    expect(statSync(join(project.runs, 'web', name)).mode & 0o777, name).toBe(0o600)
  }
  expect(statSync(join(project.runs, 'web')).mode & 0o777).toBe(0o700)
})
