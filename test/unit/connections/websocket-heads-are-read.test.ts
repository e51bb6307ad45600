import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import {
  hasNoContext,
  readAgreement,
  requestHead,
} from '../../../packages/handoff/src/connections/websocket/handshake.ts'

function request(...rawHeaders: string[]): IncomingMessage {
  const headers = { upgrade: 'WebSocket' }
  return { method: 'GET', url: '/a?b', httpVersion: '1.1', headers, rawHeaders } as IncomingMessage
}

test('the request is kept as it came', () => {
  expect(requestHead(request('HOST', 'test', 'x-a', '1', 'X-A', '2'))).toBe(
    'GET /a?b HTTP/1.1\r\nHOST: test\r\nx-a: 1\r\nX-A: 2\r\n\r\n',
  )
})

test.each(['Content-Length', 'transfer-encoding', 'EXPECT'])(
  'a request with %s cannot be replayed',
  (name) => {
    expect(requestHead(request(name, '1'))).toBeUndefined()
  },
)

test.each<[string, Partial<IncomingMessage>]>([
  ['another method', { method: 'POST' }],
  ['another protocol', { headers: { upgrade: 'h2c' } }],
])('a request with %s is no WebSocket', (_, fields) => {
  expect(requestHead({ ...request(), ...fields } as IncomingMessage)).toBeUndefined()
})

const head = (...lines: string[]) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)

test('the 101 tells what was agreed on, and what follows it', () => {
  const bytes = Buffer.concat([
    head(
      'HTTP/1.1 101 Switching Protocols',
      'sec-websocket-PROTOCOL: chat',
      'Sec-WebSocket-Extensions:  permessage-deflate; client_max_window_bits=15',
    ),
    Buffer.from([0x81, 0x00]),
  ])
  expect(readAgreement(bytes)).toEqual({
    agreement: {
      protocol: 'chat',
      extensions: 'permessage-deflate; client_max_window_bits=15',
    },
    rest: Buffer.from([0x81, 0x00]),
  })
})

test.each([
  ['another status', head('HTTP/1.1 1010 No', '')],
  ['half a head', Buffer.from('HTTP/1.1 101 Switching Protocols\r\n')],
])('%s is no 101', (_, bytes) => {
  expect(readAgreement(bytes)).toBeUndefined()
})

test.each([
  ['', true],
  ['permessage-deflate', false],
  ['permessage-deflate; server_no_context_takeover', false],
  ['permessage-deflate; client_no_context_takeover', false],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover', true],
  ['permessage-deflate;client_no_context_takeover;Server_No_Context_Takeover', true],
  ['permessage-bzip2; server_no_context_takeover; client_no_context_takeover', false],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover, x', false],
])('extensions %j: nothing is kept between two messages: %j', (extensions, expected) => {
  expect(hasNoContext({ extensions, protocol: '' })).toBe(expected)
})
