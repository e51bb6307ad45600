// A command waits for a supervisor that shows that it lives, and for no other.

import { EventEmitter } from 'node:events'
import type { ClientRequest, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AnswerTimeout } from '../../../packages/handoff/src/cli/client/answer-timeout.ts'
import {
  heartbeatMs,
  sendHeartbeats,
} from '../../../packages/handoff/src/supervisor/control/stream-heartbeat.ts'

afterEach(() => {
  vi.useRealTimers()
})

class FakeRequest extends EventEmitter {
  readonly socket = { bytesRead: 0 }
  timeoutMs: number | undefined
  destroyed: Error | undefined

  setTimeout(ms: number): void {
    this.timeoutMs = ms
  }

  destroy(error: Error): void {
    this.destroyed = error
  }
}

function begin() {
  const request = new FakeRequest()
  const answerTimeout = new AnswerTimeout(
    request as unknown as ClientRequest,
    (ms) => new Error(`silent for ${ms} ms`),
  )
  return { request, answerTimeout }
}

/** What was read while the timer waited is known by then. */
async function twoTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

describe('a request', () => {
  test('ends when nothing has come for so long', async () => {
    const { request, answerTimeout } = begin()
    answerTimeout.set(10_000)
    expect(request.timeoutMs).toBe(10_000)
    request.emit('timeout')
    await twoTurns()
    expect(answerTimeout.error?.message).toBe('silent for 10000 ms')
    expect(request.destroyed).toBe(answerTimeout.error)
  })

  test('goes on when this process was stopped, and the answer has come meanwhile', async () => {
    const { request, answerTimeout } = begin()
    answerTimeout.set(10_000)
    request.emit('timeout')
    request.socket.bytesRead = 1
    await twoTurns()
    expect(answerTimeout.error).toBeUndefined()
    expect(request.destroyed).toBeUndefined()
  })

  test('waits for ever for a supervisor that sends no heartbeats', async () => {
    const { request, answerTimeout } = begin()
    answerTimeout.set(10_000)
    answerTimeout.set(0)
    request.emit('timeout')
    await twoTurns()
    expect(request.destroyed).toBeUndefined()
  })
})

describe('an answer that is not complete', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  class FakeResponse extends EventEmitter {
    readonly written: string[] = []
    writableEnded = false
    writableNeedDrain = false

    write(text: string): void {
      this.written.push(text)
    }
  }

  function answer() {
    const response = new FakeResponse()
    sendHeartbeats(response as unknown as ServerResponse)
    return response
  }

  test('carries a space at every heartbeat, which JSON ignores', () => {
    const response = answer()
    vi.advanceTimersByTime(3 * heartbeatMs)
    expect(response.written).toEqual([' ', ' ', ' '])
    expect(JSON.parse(`${response.written.join('')}{"ok":true}`)).toEqual({ ok: true })
  })

  test('carries none to a client that does not read, or has gone', () => {
    const response = answer()
    response.writableNeedDrain = true
    vi.advanceTimersByTime(heartbeatMs)
    response.writableNeedDrain = false
    response.writableEnded = true
    vi.advanceTimersByTime(heartbeatMs)
    expect(response.written).toEqual([])
    response.emit('close')
    expect(vi.getTimerCount()).toBe(0)
  })
})
