// A session between a client and an application that says goodbye at the end, as OpenSslPeer does.

import { randomBytes } from 'node:crypto'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { ReferenceHalf, type Suite, secretLength } from './reference.ts'
import { type Direction, recordsOf } from './secrets.ts'
import { Transcript } from './transcript.ts'

/** Passes chunks of a client to a session, and then the end. */
export function answersOfSession(
  suite: Suite,
  read: Direction,
  chunks: readonly Buffer[],
  goodbye = 'bye',
): Transcript {
  const secret = randomBytes(secretLength(suite))
  const { version, id } = suite
  const session = new TlsSession(recordsOf({ version, suite: id, read, write: { secret } }))
  const transcript = new Transcript()
  const sent: Buffer[] = []
  const end = () => {
    if (transcript.ended) return
    transcript.ended = true
    sent.push(session.seal(Buffer.from(goodbye)), session.close())
  }
  for (const chunk of chunks) {
    const { data, reply, ended, error } = session.receive(chunk)
    transcript.data.push(...data.map((piece) => Buffer.from(piece)))
    if (reply !== undefined) sent.push(reply)
    if (ended) end()
    if (error !== undefined) transcript.fail(error)
    if (error !== undefined) break
  }
  if (transcript.code === undefined) {
    session.receiveEnd()
    end()
  }
  session.destroy()
  transcript.read(new ReferenceHalf(suite, secret), Buffer.concat(sent))
  return transcript
}
