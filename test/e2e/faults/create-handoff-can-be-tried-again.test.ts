import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'

const server = `
  import { chmodSync } from 'node:fs'
  import http from 'node:http'
  import { dirname } from 'node:path'
  import { createHandoff } from 'socket-handoff'
  const directory = dirname(process.env.HANDOFF_RENDEZVOUS)
  const codes = []
  const fail = ({ code }) => void codes.push(code)
  await createHandoff({ allowUids: 'all' }).catch(fail)
  chmodSync(directory, 0o777)
  await createHandoff().catch(fail)
  chmodSync(directory, 0o700)
  const handoff = await createHandoff()
  const server = http.createServer((request, response) => response.end(codes.join(' ')))
  await handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await handoff.ready()
  console.log('listening', process.pid, server.address().port)
`

test('after two failures the third try takes over from the same old process', async () => {
  const project = makeProject({ 'server.mjs': server })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const first = await run.listens()
  const { exitCode, stdout, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  expect(stdout).toContain('generation 2 serves')
  const second = await run.listens()
  expect(second.port).toBe(first.port)
  expect(await ask(first.port)).toBe('ERR_HANDOFF_INVALID_OPTION ERR_HANDOFF_RENDEZVOUS_UNSAFE')
})
