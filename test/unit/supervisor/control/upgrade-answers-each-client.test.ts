// A supervisor becomes another program once no client of its control socket waits for an answer.

import { once } from 'node:events'
import http from 'node:http'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Control } from '../../../../packages/handoff/src/supervisor/control/control.ts'
import type { Fleet } from '../../../../packages/handoff/src/supervisor/fleet/fleet.ts'
import { HandoffError } from '../../../../packages/handoff/src/terms/errors.ts'
import { scratchDirectory } from '../../../support/scratch.ts'
import { until } from '../../../support/until.ts'

const request = 'GET /status HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n'

/** A control endpoint whose upgrade fails in its last step. */
async function openControl() {
  const state = { began: 0 }
  const fleet = { status: () => ({ name: 'web' }), ramped: () => Promise.resolve() }
  const begin = (): never => {
    state.began += 1
    throw new HandoffError('ERR_HANDOFF_UPGRADE', 'cannot upgrade')
  }
  const upgrade = () => Promise.resolve({ release: '7.0.1', begin })
  const path = join(scratchDirectory(), 'control.sock')
  const control = await Control.open({ fleet: fleet as unknown as Fleet, upgrade }, path)
  onTestFinished(() => control.close()())
  return { path, state }
}

async function connect(path: string): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = net.connect(path)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('utf8').on('data', (data) => {
    text += data
  })
  return { socket, answer: once(socket, 'close').then(() => text) }
}

/** Asks for an upgrade, and resolves with its first line; the next ones come later. */
async function upgrade(path: string): Promise<AsyncIterator<string>> {
  const target = '/upgrade?command=/c&node=/n'
  const outgoing = http.request({ socketPath: path, method: 'POST', path: target, agent: false })
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage]
  const lines = response.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>
  expect(JSON.parse((await lines.next()).value)).toEqual({ release: '7.0.1' })
  return lines
}

test('a client that is connected is answered before, and one that connects meanwhile after a failure', async () => {
  const { path, state } = await openControl()
  const before = await connect(path)
  const lines = await upgrade(path)
  const meanwhile = await connect(path)
  meanwhile.socket.write(request)
  expect(state.began).toBe(0)
  before.socket.write(request)
  expect(await before.answer).toMatch(/^HTTP\/1.1 200 .*"web"/s)
  expect(JSON.parse((await lines.next()).value)).toMatchObject({ code: 'ERR_HANDOFF_UPGRADE' })
  expect(state.began).toBe(1)
  expect(await meanwhile.answer).toMatch(/^HTTP\/1.1 200 .*"web"/s)
})

test('a client without a request delays it for a second, and two upgrades do not wait for each other for ever', async () => {
  const { path, state } = await openControl()
  const silent = await connect(path)
  const [one, other] = await Promise.all([upgrade(path), upgrade(path)])
  for (const lines of [one, other]) {
    expect(JSON.parse((await lines.next()).value)).toMatchObject({ code: 'ERR_HANDOFF_UPGRADE' })
  }
  expect(state.began).toBe(2)
  silent.socket.write(request)
  expect(await silent.answer).toMatch(/^HTTP\/1.1 200 /)
})

test('a client that has gone does not delay it', async () => {
  const { path, state } = await openControl()
  const gone = await connect(path)
  const lines = await upgrade(path)
  gone.socket.destroy()
  expect(JSON.parse((await lines.next()).value)).toMatchObject({ code: 'ERR_HANDOFF_UPGRADE' })
  await until('it has begun', () => state.began === 1)
})
