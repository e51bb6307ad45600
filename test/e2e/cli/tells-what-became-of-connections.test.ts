// What `handoff reload`, `handoff status` and `handoff run` tell of the connections that there were.

import { once } from 'node:events'
import http from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { makeProject } from '../../support/cli-project.ts'
import { until } from '../../support/until.ts'

const server = `
  import http from 'node:http'
  import { createHandoff } from 'socket-handoff'
  import { WebSocketServer } from 'ws'
  const handoff = await createHandoff()
  const server = http.createServer((request, response) => {
    if (request.url !== '/slow') return response.end('here')
    console.log('asked')
    process.once('SIGUSR2', () => response.end('late'))
  })
  handoff.moveWebSockets(new WebSocketServer({ server }))
  await handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await handoff.ready()
  console.log('listening', process.pid, server.address().port)
`

/** Asks once, on a connection that stays open. */
async function keptAlive(port: number, path = '/'): Promise<http.ClientRequest> {
  const agent = new http.Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  return http.get({ host: '127.0.0.1', port, path, agent })
}

async function answered(request: http.ClientRequest): Promise<void> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  await once(response.resume(), 'end')
}

async function webSocket(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
}

test('what has gone over, what is left, and how that ended', async () => {
  const project = makeProject({ 'server.mjs': server })
  const run = project.run(['--name', 'web', '--probation', '60s', 'server.mjs'])
  const first = await run.listens()
  const { pid, port } = first
  for (let count = 0; count < 3; count++) await answered(await keptAlive(port))
  for (let count = 0; count < 2; count++) await webSocket(port)
  const slow = await keptAlive(port, '/slow')
  await run.prints(/^asked/)

  const { stdout } = await project.handoff('reload', 'web')
  const moved = '5 connections handed over (3 http, 2 websocket)'
  expect(stdout.split('\n').at(-1)).toMatch(
    new RegExp(`^generation 2 serves .*, \\d+ left in generation 1 \\(pid ${pid}\\)$`),
  )

  // On a busy machine the reload returns before all have gone over. The drain goes on, and the status shows it.
  await until('the status shows them', async () =>
    (await project.handoff('status', 'web')).stdout.includes(
      `drain        generation 1 (pid ${pid}): ${moved}, 1 left`,
    ),
  )
  expect(await project.status('web')).toMatchObject({
    processes: [{ generation: 2 }, { pid, connections: 1, open: { http: 1 } }],
    handoffs: { fates: { handedOver: { http: 3, websocket: 2 }, drained: {} } },
  })

  process.kill(pid, 'SIGUSR2')
  await answered(slow)
  // It is quiescent then, and goes over.
  const six = '6 connections handed over (4 http, 2 websocket), none cut'
  await run.says(new RegExp(`generation 1 .* has drained: ${literally(six)}$`))
  const second = await run.listens()

  // The new process, in its turn.
  const { stdout: lines } = await project.handoff('reload', 'web', '--json')
  expect(JSON.parse(lines.split('\n').at(-1) ?? '')).toMatchObject({
    old: { pid: second.pid, counts: { drained: 0, closed: 0, forced: 0 } },
  })
  await run.says(new RegExp(`generation 2 .* has drained: ${literally(six)}$`))
  expect((await project.status('web')).handoffs.fates).toMatchObject({
    handedOver: { http: 8, websocket: 4 },
  })
  expect((await project.handoff('status', 'web')).stdout).toContain(
    'in all       12 connections handed over (8 http, 4 websocket), none cut',
  )
})

function literally(text: string): string {
  return text.replace(/[()]/g, '\\$&')
}
