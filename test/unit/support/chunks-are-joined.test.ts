import { expect, test } from 'vitest'
import { wholeChunks } from '../../stage/support/whole-chunks.ts'

const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const plain = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'

test('replies are the same however their bodies were cut', () => {
  const one = `${head}3\r\nxxx\r\n14\r\n${'y'.repeat(20)}\r\n0\r\n\r\n`
  const other = `${head}17\r\nxxx${'y'.repeat(20)}\r\n0\r\n\r\n`
  expect(wholeChunks(`${plain}${one}${plain}`)).toBe(wholeChunks(`${plain}${other}${plain}`))
  expect(wholeChunks(one)).toBe(`${head}[xxx${'y'.repeat(20)}]\n`)
})

test('a byte that differs, or that is not there, still does', () => {
  const whole = `${head}3\r\nxxx\r\n0\r\n\r\n`
  expect(wholeChunks(whole.replace('xxx', 'xyx'))).not.toBe(wholeChunks(whole))
  expect(wholeChunks(`${whole}${plain}`)).not.toBe(wholeChunks(whole))
  for (let length = 0; length < whole.length; length++) {
    const cut = wholeChunks(whole.slice(0, length))
    expect(wholeChunks(whole).startsWith(cut)).toBe(true)
    expect(cut).not.toBe(wholeChunks(whole))
  }
})
