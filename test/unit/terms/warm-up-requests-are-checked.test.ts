// The options of a warm-up, complete or refused.

import { expect, test } from 'vitest'
import { readWarmupPaths } from '../../../packages/handoff/src/preload/readiness/warmup-paths.ts'
import { readWarmup, type Warmup } from '../../../packages/handoff/src/terms/warmup.ts'

const mark = { 'handoff-warmup': '1' }

test('a path is a GET; the defaults of the others', () => {
  expect(readWarmup({ requests: ['/a?b=1'] }, 60_000)).toEqual({
    requests: [{ url: '/a?b=1', method: 'GET', headers: mark, body: undefined }],
    count: 2_000,
    timeoutMs: 5_000,
  })
})

test('names of headers are made lower case, and the mark cannot be replaced', () => {
  const headers = { Accept: 'text/html', 'HANDOFF-Warmup': '2' }
  const body = new Uint8Array(3)
  const { requests } = readWarmup(
    { requests: [{ url: '/', method: 'PUT', headers, body }], count: 0 },
    60_000,
  )
  expect(requests).toEqual([
    { url: '/', method: 'PUT', headers: { accept: 'text/html', ...mark }, body },
  ])
})

test.each([
  [10_000, 60_000, 10_000],
  [50_000, 60_000, 30_000],
  [undefined, 3_000, 1_500],
])('a timeout of %s ms in a start of %s ms is %s ms', (timeoutMs, readyTimeoutMs, expected) => {
  const warmup = { requests: ['/'], ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  expect(readWarmup(warmup, readyTimeoutMs).timeoutMs).toBe(expected)
})

test.each([
  ['no object', undefined, 'the warm-up is not an object'],
  ['no list', {}, 'requests is not a list'],
  ['another name', { requests: [], times: 3 }, 'times is not one of requests, count, timeoutMs'],
  ['a URL', { requests: ['http://a/'] }, 'url is not a path that begins with /'],
  [
    'a second line',
    { requests: ['/ HTTP/1.1\r\nHost: a'] },
    'url is not a path that begins with /',
  ],
  ['a number', { requests: [1] }, 'requests is not an object'],
  ['an option of inject', { requests: [{ url: '/', payload: 'a' }] }, 'payload is not one of url,'],
  ['no method', { requests: [{ url: '/', method: 'GET /a' }] }, 'method is not a word of HTTP'],
  [
    'no name',
    { requests: [{ url: '/', headers: { 'a b': '' } }] },
    'headers is not a word of HTTP',
  ],
  ['no value', { requests: [{ url: '/', headers: { a: 'b\r\nc: d' } }] }, 'a is not the value of'],
  ['no body', { requests: [{ url: '/', body: {} }] }, 'body is not a string or a Uint8Array'],
  ['a negative count', { requests: [], count: -1 }, 'count is not a whole number'],
  ['a part of one', { requests: [], timeoutMs: 0.5 }, 'timeoutMs is not a whole number up to'],
])('refused: %s', (_, warmup, reason) => {
  expect(() => readWarmup(warmup as Warmup, 60_000)).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOFF_INVALID_OPTION',
      message: expect.stringContaining(`cannot warm up: ${reason}`),
    }),
  )
})

test('HANDOFF_WARMUP has paths, separated by spaces', () => {
  expect(readWarmupPaths()).toEqual([])
  expect(readWarmupPaths('')).toEqual([])
  expect(readWarmupPaths(' /a,b  /c?d ')).toEqual(['/a,b', '/c?d'])
  expect(() => readWarmupPaths('/a b')).toThrow(
    'cannot create the handoff: HANDOFF_WARMUP has "b", which is no path that begins with /',
  )
})
