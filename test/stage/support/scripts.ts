// What a client of the property test does: requests cut anywhere, sent with pauses in between.

import fc from 'fast-check'
import type { Lines } from './scripted-client.ts'

/** How the server answers a request; it reads that from the path. */
export interface Answer {
  /** Turns of the event loop before it begins, and between its pieces. */
  wait: number
  pieces: number
  /** Of each piece, in bytes. */
  size: number
  chunked: boolean
  /** Begins before the body of the request has been read. */
  early: boolean
}

export interface ScriptedRequest {
  version: '1.0' | '1.1'
  /** In the chunks in which it is sent; without any it is a GET. */
  body: Uint8Array[]
  chunked: boolean
  trailer: boolean
  expect: boolean
  /** An empty line before it: older clients end a body so, and a server skips it (RFC 9112, 2.2). */
  emptyLine: boolean
  answer: Answer
}

/** After a piece was sent. */
export interface Pause {
  /** Until everything that was asked is answered, so that the connection is at rest. */
  answered: boolean
  /** Then until the next handoff, if it comes soon. */
  handoff: boolean
  /** Then so many turns of the event loop. */
  turns: number
  /** Reads nothing in these turns. */
  deaf: boolean
}

export interface Script {
  requests: ScriptedRequest[]
  /** Where the bytes are cut, as fractions of their length. */
  cuts: number[]
  /** One for each piece, over and over. */
  pauses: Pause[]
  /** How the last request ends the connection, if it does. */
  ends: 'no' | 'close' | 'half' | 'cut'
  /** Ends the connection by a RST after the last piece and its pause. */
  resets: boolean
}

const answer: fc.Arbitrary<Answer> = fc.record({
  wait: fc.nat(12),
  pieces: fc.nat(3),
  // More than the kernel holds, now and then.
  size: fc.oneof(
    { weight: 100, arbitrary: fc.nat(200) },
    { weight: 5, arbitrary: fc.nat(100_000) },
    { weight: 1, arbitrary: fc.constant(4_000_000) },
  ),
  chunked: fc.boolean(),
  early: fc.boolean(),
})

const request: fc.Arbitrary<ScriptedRequest> = fc.record({
  version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
  body: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 }),
  chunked: fc.boolean(),
  trailer: fc.boolean(),
  expect: fc.boolean(),
  emptyLine: fc.boolean(),
  answer,
})

export const pause: fc.Arbitrary<Pause> = fc.record({
  answered: fc.boolean(),
  handoff: fc.boolean(),
  turns: fc.nat(12),
  deaf: fc.boolean(),
})

/** Not fc.double(), most of which are next to 0. */
export const cuts = fc.array(
  fc.nat(999).map((at) => at / 1_000),
  { maxLength: 6 },
)

/** One client in six: often enough to be alone, and beside others that go on. */
export const resets = fc.nat(5).map((number) => number === 0)

export const script: fc.Arbitrary<Script> = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 5 }),
  cuts,
  pauses: fc.array(pause, { minLength: 1, maxLength: 4 }),
  ends: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Script['ends']>('no') },
    { weight: 1, arbitrary: fc.constantFrom<Script['ends'][]>('close', 'half', 'cut') },
  ),
  resets,
})

const farewell: ScriptedRequest = {
  version: '1.1',
  body: [],
  chunked: false,
  trailer: false,
  expect: false,
  emptyLine: false,
  answer: { wait: 0, pieces: 0, size: 0, chunked: false, early: false },
}

export function linesOf({ requests, ends, resets, ...when }: Script): Lines {
  const questions = requests.map((request, index) =>
    render(request, index, ends === 'close' && index === requests.length - 1),
  )
  const whole = Buffer.concat(questions).length
  const last = questions.at(-1)?.length ?? 0
  return {
    ...when,
    questions,
    said: ends === 'cut' ? whole - Math.ceil(last / 2) : whole,
    hurries: ends === 'half',
    resets,
    farewell: ends === 'no' && !resets ? render(farewell, requests.length) : undefined,
    goodbye: Buffer.alloc(0),
  }
}

/** A request as it goes over the wire; `id` is in its answer. */
function render(request: ScriptedRequest, id: number, close = false): Buffer {
  const { version, body, trailer } = request
  // HTTP/1.0 knows neither chunks, so that an answer in chunks ends by a close, nor 100 Continue.
  const chunked = request.chunked && version === '1.1'
  const answer = {
    ...request.answer,
    chunked: request.answer.chunked && version === '1.1',
    // What is still to be said when the server closes ends in a reset, sooner or later.
    early: request.answer.early && !close,
  }
  const bytes = Buffer.concat(body)
  const query = Object.entries(answer).map(([name, value]) => `${name}=${Number(value)}`)
  const head = [
    `${body.length > 0 ? 'POST' : 'GET'} /${id}?${query.join('&')} HTTP/${version}`,
    'Host: test',
  ]
  if (close) head.push('Connection: close')
  else if (version === '1.0') head.push('Connection: keep-alive')
  if (body.length > 0) {
    head.push(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes.length}`)
    if (request.expect && version === '1.1') head.push('Expect: 100-continue')
  }
  const chunks = body.map((chunk) =>
    Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
  )
  const last = `0\r\n${trailer ? 'X-Trailer: yes\r\n' : ''}\r\n`
  return Buffer.concat([
    Buffer.from(`${request.emptyLine ? '\r\n' : ''}${head.join('\r\n')}\r\n\r\n`),
    ...(body.length === 0 ? [] : chunked ? [...chunks, Buffer.from(last)] : [bytes]),
  ])
}

/** A handoff, and what becomes of it. */
export interface ScriptedHandoff {
  /** Turns of the event loop before it begins. */
  wait: number
  /** The new process is killed so many turns after the commit, and has served nobody. */
  dies: number | undefined
  /** It has acked what came until then. */
  acks: boolean
}

export const scriptedHandoff: fc.Arbitrary<ScriptedHandoff> = fc.record({
  wait: fc.nat(25),
  dies: fc.option(fc.nat(20), { nil: undefined, freq: 2 }),
  acks: fc.boolean(),
})
