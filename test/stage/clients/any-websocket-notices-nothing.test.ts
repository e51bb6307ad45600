// The same of WebSockets: messages in fragments, pings between them, cut anywhere.

import http from 'node:http'
import https from 'node:https'
import fc from 'fast-check'
import { describe } from 'vitest'
import { WebSocketServer } from 'ws'
import { identities } from '../../support/tls/identities.ts'
import type { Generation } from '../support/place.ts'
import type { Lines } from '../support/scripted-client.ts'
import { turns } from '../support/scripted-server.ts'
import { cuts, pause, resets } from '../support/scripts.ts'
import { connectSecurely, type SecureLines, secure } from '../support/secure-scripts.ts'
import { frame } from '../support/websockets.ts'
import { type Service, testClients } from '../support/with-and-without.ts'

const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 }

const upgrade = [
  'GET / HTTP/1.1',
  'Host: test',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${'x'.repeat(22)}==`,
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n')

/** Echoes the messages in their order, each after as many turns as its first digit says. */
function echo(
  server: http.Server,
  onRequest: (id: string) => void,
  generation?: Generation,
): http.Server {
  const wss = new WebSocketServer({ server })
  generation?.handoff.moveWebSockets(wss, {})
  wss.on('connection', (socket) => {
    const answer = async (text: string) => {
      onRequest(text)
      await turns(Number(text[0]))
      socket.send(text)
    }
    let last = Promise.resolve()
    socket.on('message', (data) => {
      last = last.then(() => answer(`${data}`))
      return last
    })
  })
  return server
}

const service: Service = {
  kind: 'websocket',
  make: (onRequest, generation) => echo(http.createServer(), onRequest, generation),
}

const secureService: Service<SecureLines> = {
  kind: 'websocket',
  make: (onRequest, generation) => echo(https.createServer(identities), onRequest, generation),
  connect: connectSecurely,
}

interface Message {
  wait: number
  fragments: string[]
  /** Before each fragment. */
  pings: ('ping' | 'pong' | undefined)[]
}

const message: fc.Arbitrary<Message> = fc.record({
  wait: fc.nat(9),
  fragments: fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 200 }), {
    maxLength: 3,
  }),
  pings: fc.array(fc.constantFrom('ping', 'pong', undefined), { minLength: 1, maxLength: 3 }),
})

function render({ wait, fragments, pings }: Message, id: number): Buffer {
  const payloads = [`${wait} `, ...fragments, `[end ${id}]`]
  return Buffer.concat(
    payloads.flatMap((payload, index) => {
      const kind = index === 0 ? opcodes.text : opcodes.continuation
      const between = pings[index % pings.length]
      const control = between === undefined ? [] : [frame(opcodes[between], `${id}.${index}`)]
      return [...control, frame(kind, payload, { fin: index === payloads.length - 1 })]
    }),
  )
}

/** Some vanish in the middle of a message; the others take their leave. */
const client: fc.Arbitrary<Lines> = fc
  .record({
    messages: fc.array(message, { minLength: 1, maxLength: 5 }),
    cuts,
    pauses: fc.array(pause, { minLength: 1, maxLength: 4 }),
    vanishes: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
    resets,
  })
  .map(({ messages, cuts, pauses, vanishes, resets }) => {
    const questions = messages.map(render)
    questions[0] = Buffer.concat([Buffer.from(upgrade), questions[0] as Buffer])
    const whole = Buffer.concat(questions).length
    const farewell = render({ wait: 0, fragments: [], pings: [undefined] }, messages.length)
    return {
      questions,
      said: vanishes ? whole - 3 : whole,
      cuts,
      pauses,
      hurries: false,
      resets,
      farewell: vanishes || resets ? undefined : farewell,
      goodbye: vanishes ? Buffer.alloc(0) : frame(opcodes.close, Buffer.from([0x03, 0xe8])),
    }
  })

/** Pongs come at once, answers after their time: each kind keeps its own order, and no other. */
function byKind(heard: string): Record<string, string> {
  const headEnd = heard.indexOf('\r\n\r\n')
  if (headEnd < 0) return { head: heard }
  const start = headEnd + 4
  const bytes = Buffer.from(heard.slice(start), 'latin1')
  const frames: Record<string, string> = { head: heard.slice(0, start) }
  for (let at = 0; at < bytes.length; ) {
    const [first = 0, second = 0] = bytes.subarray(at)
    const extended = second === 126
    const payload = at + (extended ? 4 : 2)
    // A client that resets may have heard no more than the beginning of its last frame.
    if (payload > bytes.length) break
    const end = payload + (extended ? bytes.readUInt16BE(at + 2) : second)
    const text = bytes.toString('latin1', payload, end)
    frames[first] = `${frames[first] ?? ''}\n${end - payload} ${text}`
    at = end
  }
  return frames
}

describe('in clear text', () => testClients(service, client, byKind))

describe('over TLS', () => testClients(secureService, secure(client), byKind))
