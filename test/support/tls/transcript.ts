// What a connection has shown to the application, and to the client.

import { alerts } from '../../../packages/handoff/src/tls/alerts.ts'
import {
  keyUpdateRequest,
  messageTypes,
} from '../../../packages/handoff/src/tls/handshake-reader.ts'
import { splitRecords } from './record-splitter.ts'
import { isTls13, type ReferenceHalf } from './reference.ts'

/** RFC 8446, section 4. */
const newSessionTicket = 4
const finished = 20

export class Transcript {
  readonly data: Buffer[] = []
  ended = false
  code: string | undefined
  /** What the client has got, in words, but for session tickets. */
  readonly replies: string[] = []

  fail(error: Error & { code?: string }): void {
    this.code = error.code
  }

  /** Reads the records of the server. Those of the handshake, which have other keys, come first. */
  read(half: ReferenceHalf, stream: Buffer): void {
    let begun = false
    for (const record of splitRecords(stream)) {
      let opened: ReturnType<ReferenceHalf['open']>
      try {
        opened = half.open(record)
      } catch (error) {
        if (begun) throw error
        continue
      }
      begun = true
      const [first] = opened.data
      if (opened.type === 22 && (first === newSessionTicket || first === finished)) continue
      this.replies.push(describe(opened.type, opened.data))
      if (opened.type === 22 && isTls13(half.suite)) half.update()
    }
  }

  get result() {
    const { ended, code, replies } = this
    return { data: Buffer.concat(this.data).toString('latin1'), ended, code, replies }
  }
}

const nameOf = Object.fromEntries(
  Object.entries({ ...alerts, badRecordMac: 20, recordOverflow: 22, protocolVersion: 70 }).map(
    ([name, number]) => [number, name],
  ),
)

function describe(type: number, data: Buffer): string {
  if (type === 23) return `data ${data.toString('latin1')}`
  const isUpdate = data.equals(
    Buffer.of(messageTypes.keyUpdate, 0, 0, 1, keyUpdateRequest.notRequested),
  )
  if (type === 22 && isUpdate) return 'key update'
  const [level, description] = data
  if (type === 21) return `alert ${level} ${nameOf[description as number] ?? description}`
  return `${type} ${data.toString('hex')}`
}
