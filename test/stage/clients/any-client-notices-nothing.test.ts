// Whatever a client does, and whenever a handoff comes: it gets the bytes that it gets without one.

import http from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answering } from '../support/scripted-server.ts'
import { linesOf, script } from '../support/scripts.ts'
import {
  compare,
  compareTimeoutMs,
  type Outcome,
  type Service,
} from '../support/with-and-without.ts'

const service: Service = {
  kind: 'http',
  // Half-closed clients get their answers, if the server is told so; Node's default cuts them.
  make: (onRequest) =>
    Object.assign(http.createServer(answering(onRequest)), { httpAllowHalfOpen: true }),
}

const clients = fc.array(script.map(linesOf), { minLength: 1, maxLength: 3 })

test(
  'every byte is as it is without a handoff, and no request is executed twice',
  async () => {
    await compare(service, clients)
  },
  compareTimeoutMs,
)

/** A connection may end after any answer that says so; all before is as it is without a handoff. */
function isPrefix({ heard, executed }: Outcome, expected: Outcome): void {
  for (const [index, text] of heard.entries()) {
    const whole = withoutNotice(expected.heard[index] as string)
    const told = /^Connection: close\r\n/m.test(text)
    // Who pipelines may have said more by then: Node answers that by a reset, as at any close, and a
    // reset may overtake what the client has not read yet, the notice included.
    const [, answers = '', reset] = text.match(/^(.*?)(ECONNRESET|EPIPE)?$/s) ?? []
    if (!told && reset === undefined) expect(withoutNotice(text)).toBe(whole)
    expect(whole.startsWith(withoutNotice(answers))).toBe(true)
    if (told && reset === undefined) expect(answers).toMatch(/\n$/)
  }
  const unexpected = [...executed]
  for (const id of expected.executed) {
    const at = unexpected.indexOf(id)
    if (at >= 0) unexpected.splice(at, 1)
  }
  expect(unexpected).toEqual([])
}

function withoutNotice(text: string): string {
  return text.replaceAll(/^(Connection|Keep-Alive): .*\r\n/gm, '')
}

test(
  'where handoffs overlap a client may be told to connect again, after a whole answer',
  async () => {
    await compare(service, clients, { check: isPrefix, overlap: true })
  },
  compareTimeoutMs,
)
