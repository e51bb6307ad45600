import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Control } from '../../../../packages/handoff/src/supervisor/control/control.ts'
import { prepareUpgrade } from '../../../../packages/handoff/src/supervisor/control/upgrade.ts'
import type { Fleet } from '../../../../packages/handoff/src/supervisor/fleet/fleet.ts'
import { HandoffError } from '../../../../packages/handoff/src/terms/errors.ts'
import { scratchDirectory } from '../../../support/scratch.ts'

const status = { name: 'web' }

/** A control endpoint whose commands fail as a supervisor's can, and as nobody foresaw. */
async function openControl(): Promise<string> {
  const fleet = {
    status: () => status,
    isRamping: false,
    ramped: () => Promise.resolve(),
    reload: ({ change }: { change: object }) => {
      if ('entry' in change) throw new TypeError('nobody foresaw this')
      throw new HandoffError('ERR_HANDOFF_BUSY', 'cannot reload web: it is busy')
    },
    stop: () => {},
  } as unknown as Fleet
  const path = join(scratchDirectory(), 'control.sock')
  const context = {
    name: 'web',
    snapshot: () => ({ workers: [], inherited: [] }) as never,
  }
  const upgrade = (to: { command: string; node: string }) => prepareUpgrade(to, context)
  const control = await Control.open({ fleet, upgrade }, path)
  onTestFinished(() => control.close()())
  return path
}

interface Sent {
  method: string
  path: string
  headers?: http.OutgoingHttpHeaders
  body?: Buffer | undefined
}

/** @returns the status, or undefined if the connection ended without an answer. */
async function send(socketPath: string, { method, path, headers = {}, body }: Sent) {
  const outgoing = http.request({ socketPath, method, path, headers, agent: false })
  const answered = new Promise<number | undefined>((resolve) => {
    outgoing.on('response', (response) => {
      response.resume()
      resolve(response.statusCode)
      // The answer to a stop is the end of the run.
      response.on('end', () => outgoing.destroy())
    })
    for (const event of ['connect', 'upgrade'] as const) {
      outgoing.on(event, (_, socket) => {
        socket.destroy()
        resolve(undefined)
      })
    }
    outgoing.on('error', () => resolve(undefined))
    outgoing.on('close', () => resolve(undefined))
  })
  outgoing.end(body)
  return answered
}

async function stillAnswers(path: string): Promise<void> {
  expect(await send(path, { method: 'GET', path: '/status' })).toBe(200)
}

const names = ['entry', 'cwd', 'node', 'command', 'wait', 'workers', 'parallel', '__proto__']
const values = fc.oneof(
  fc.constantFrom('/etc/passwd/node', `/${'a'.repeat(5000)}`, '/\0', '/', '/dev/null', '1', 'exit'),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
const query = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), values), { maxLength: 4 })
  .map((pairs) => new URLSearchParams(pairs).toString())
const path = fc.oneof(
  fc.constantFrom('/status', '/reload', '/upgrade', '/nothing', '/__proto__', '//', '*', '/%00'),
  fc.webPath(),
)
const methods = http.METHODS.filter((method) => method !== 'CONNECT')
const requests = fc.record({
  method: fc.oneof(fc.constantFrom('GET', 'POST'), fc.constantFrom(...methods)),
  path: fc.tuple(path, query).map(([before, after]) => (after ? `${before}?${after}` : before)),
  headers: fc.dictionary(
    fc.constantFrom('accept', 'expect', 'upgrade', 'x-http-method-override', 'cookie', 'range'),
    fc.string({ unit: fc.constantFrom(...'abz019-_=;/ '), maxLength: 200 }),
    { maxKeys: 3 },
  ),
  body: fc.option(fc.uint8Array({ maxLength: 2000 }).map(Buffer.from), { nil: undefined }),
})

test('no request ends the control endpoint', async () => {
  const socket = await openControl()
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      await send(socket, request)
      await stillAnswers(socket)
    }),
    { numRuns: 200 },
  )
})

test('bytes that are no request do not end it either', async () => {
  const socketPath = await openControl()
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }).map(Buffer.from),
    fc
      .constantFrom(
        'GET /status',
        'GET /status HTTP/9.9\r\n\r\n',
        'POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf',
        'POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
        'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
        `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        `GET /status HTTP/1.1\r\nHost: x\r\n${'x: y\r\n'.repeat(20_000)}\r\n`,
      )
      .map((text) => Buffer.from(text)),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const socket = net.connect(socketPath)
      socket.on('error', () => {})
      socket.resume()
      // It may be reset: there is more than the server has read.
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.end(sent)
      await closed
      await stillAnswers(socketPath)
    }),
    { numRuns: 60 },
  )
})

test.each([
  ['/reload?entry=/srv/a.mjs', 500, 'INTERNAL'],
  ['/reload', 409, 'ERR_HANDOFF_BUSY'],
  ['/upgrade', 400, 'ERR_HANDOFF_INVALID_OPTION'],
  ['/upgrade?command=/x&node=/etc/passwd/node', 409, 'ERR_HANDOFF_UPGRADE'],
  [`/upgrade?command=/x&node=/${'a'.repeat(5000)}`, 409, 'ERR_HANDOFF_UPGRADE'],
  [`/upgrade?command=/${'a'.repeat(10_000)}&node=${process.execPath}`, 409, 'ERR_HANDOFF_UPGRADE'],
  ['/upgrade?command=/x&node=/', 409, 'ERR_HANDOFF_UPGRADE'],
])('POST %s is answered with %s %s', async (path, expected, code) => {
  const socketPath = await openControl()
  const outgoing = http.request({ socketPath, method: 'POST', path, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  expect(response.statusCode).toBe(expected)
  expect(JSON.parse(text)).toEqual({ code, message: expect.any(String) })
  await stillAnswers(socketPath)
})

test('a long body is refused, a short one is skipped', async () => {
  const socket = await openControl()
  const sendBytes = (length: number) =>
    send(socket, {
      method: 'GET',
      path: '/status',
      headers: { 'content-length': length },
      body: Buffer.alloc(length),
    })
  expect(await sendBytes(1000)).toBe(200)
  // The connection may be closed before the client has read the answer.
  expect([413, undefined]).toContain(await sendBytes(10_000_000))
  await stillAnswers(socket)
})

test('a client that sends slowly, or leaves in the middle, delays no other', async () => {
  const socketPath = await openControl()
  const slow = net.connect(socketPath)
  slow.on('error', () => {})
  slow.write('POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx')
  await once(slow, 'connect')
  await stillAnswers(socketPath)
  slow.destroy()
  await stillAnswers(socketPath)
})
