import { expect, test } from 'vitest'
import { Conversation } from '../../support/conversation.ts'
import { startRun } from '../../support/run.ts'

/** A request that the handoff finds half done: each kind was seen to break a restart somewhere. */
interface Half {
  before: string
  /** Heard before the handoff: then the server has read what was said. */
  until?: RegExp
  /** The client has closed its side before the handoff. */
  halfClosed?: boolean
  /** Said after the handoff. */
  after: string
  /** The status lines of the answer, in their order. */
  replies: string[]
}

const get = (path: string, version = '1.1') => `GET ${path} HTTP/${version}\r\nHost: test\r\n\r\n`
const post = (...headers: string[]) =>
  ['POST /upload HTTP/1.1', 'Host: test', 'Content-Type: application/octet-stream', ...headers]
    .map((line) => `${line}\r\n`)
    .join('')
const ok = 'HTTP/1.1 200 OK'

const clients: Record<string, Half> = {
  'dribbles its headers': {
    before: 'GET / HTTP/1.1\r\nHo',
    after: 'st: test\r\n\r\n',
    replies: [ok],
  },
  'dribbles its body': {
    before: `${post('Content-Length: 10')}\r\nhello`,
    after: 'hello',
    replies: [ok],
  },
  'has said nothing yet': { before: '', after: get('/'), replies: [ok] },
  'pipelines three requests': {
    before: get('/slow?ms=1500') + get('/') + get('/slow?ms=100'),
    after: '',
    replies: [ok, ok, ok],
  },
  'waits for 100 Continue': {
    before: `${post('Content-Length: 5', 'Expect: 100-continue')}\r\n`,
    until: /100 Continue/,
    after: 'hello',
    replies: ['HTTP/1.1 100 Continue', ok],
  },
  'speaks HTTP/1.0': { before: get('/slow?ms=1500', '1.0'), after: '', replies: [ok] },
  'has closed its side': {
    before: get('/slow?ms=1500'),
    halfClosed: true,
    after: '',
    replies: [ok],
  },
}

test.each(['fastify-server.mjs', 'http-server.mjs'])(
  '%s answers every odd client that a handoff finds half done',
  async (fixture) => {
    const run = await startRun(fixture)
    const conversations: [string, Half, Conversation][] = []
    for (const [client, half] of Object.entries(clients)) {
      const conversation = await Conversation.begin(run.target)
      if (half.before !== '') conversation.say(half.before)
      if (half.until) await conversation.heard.waitFor(half.until)
      if (half.halfClosed) conversation.socket.end()
      conversations.push([client, half, conversation])
    }

    await run.reloadWell()

    for (const [, { after }, conversation] of conversations) {
      if (after !== '') conversation.say(after)
    }
    const answers: [string, string[]][] = []
    for (const [client, { replies }, conversation] of conversations) {
      answers.push([client, await conversation.statusLines(replies.length)])
    }
    expect(Object.fromEntries(answers)).toEqual(
      Object.fromEntries(Object.entries(clients).map(([client, { replies }]) => [client, replies])),
    )
    await run.stop()
  },
)
