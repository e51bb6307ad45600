// HANDOFF_WARMUP: a program without code for handoffs requests its own paths before it is ready.

import { expect, test } from 'vitest'
import { ask, makeProject } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'

/** A server that counts warm-up requests by path, and answers with the counts. */
const counting = `
  import http from 'node:http'
  const counts = {}
  let clients = 0
  const server = http.createServer(({ url, headers }, response) => {
    if (headers['handoff-warmup'] === undefined) clients += 1
    else counts[url] = (counts[url] ?? 0) + 1
    if (url === '/broken') response.statusCode = 500
    response.end(JSON.stringify({ counts, clients }))
  })
  server.listen(process.argv[2], '127.0.0.1', () => console.log('listening', process.pid))
`

test('with the requests of HANDOFF_WARMUP, once there is an old process', async () => {
  const project = makeProject({ 'server.mjs': counting })
  const port = await freePort()
  const run = project.run(['--name', 'web', 'server.mjs', String(port)], {
    HANDOFF_WARMUP: '/ /a?b=1 /broken',
  })
  await run.prints(/^listening/)
  await run.output.waitFor(/^! .*generation 1 .* serves/)
  expect(JSON.parse(await ask(port))).toEqual({ counts: {}, clients: 1 })

  const { exitCode, stdout, stderr } = await project.handoff('reload', 'web')
  expect(exitCode, stderr).toBe(0)
  expect(JSON.parse(await ask(port))).toEqual({
    counts: { '/': expect.any(Number), '/a?b=1': expect.any(Number), '/broken': 1 },
    clients: 1,
  })
  const { counts } = JSON.parse(await ask(port))
  expect(counts['/'] + counts['/a?b=1'] + counts['/broken']).toBe(2_000)
  expect(`${stdout}${stderr}${run.output}`).toContain(
    'warm-up request GET /broken failed: status 500',
  )
})

test('a wrong one is refused at the start', async () => {
  const project = makeProject({ 'server.mjs': counting })
  const run = project.run(['--name', 'web', 'server.mjs', '0'], { HANDOFF_WARMUP: 'users' })
  await run.says(/HANDOFF_WARMUP has "users", which is no path that begins with/)
})
