import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  type Datagram,
  DatagramListener,
  sendDatagram,
} from '../../../packages/handoff/src/io/channel/datagram.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { canLimitDescriptors, withDescriptorsLeft } from '../../support/descriptor-limit.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { inode, openFiles, scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

function listening(path = join(scratchDirectory(), 'notify.sock')) {
  const datagrams: Datagram[] = []
  const errors: Error[] = []
  const listener = DatagramListener.bind(
    path,
    0o600,
    (datagram) => datagrams.push(datagram),
    (error) => errors.push(error),
  )
  onTestFinished(() => listener.close())
  return { path, datagrams, errors, listener }
}

test('text, descriptors and sender arrive together, each datagram by itself', async () => {
  const { path, datagrams } = listening()
  const [file = -1] = openFiles(1)
  sendDatagram(path, 'READY=1\nSTATUS=läuft')
  sendDatagram(path, Buffer.from('FDSTORE=1'), [file])
  await until('both datagrams arrive', () => datagrams.length === 2)
  const sender = hasProc
    ? { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }
    : { pid: -1 }
  expect(datagrams).toMatchObject([sender, sender])
  expect(datagrams.map((d) => d.data.toString())).toEqual(['READY=1\nSTATUS=läuft', 'FDSTORE=1'])
  const fds = datagrams.flatMap((d) => d.fds)
  expect(fds.map(inode)).toEqual([inode(file)])
  fds.forEach(close)
})

test('an empty datagram is one too', async () => {
  const { path, datagrams } = listening()
  sendDatagram(path, '')
  sendDatagram(path, 'x')
  await until('both datagrams arrive', () => datagrams.length === 2)
  expect(datagrams.map((d) => d.data.length)).toEqual([0, 1])
})

test('the path has its mode, and stays after close', () => {
  const { path, listener } = listening()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  listener.close()
  listener.close()
  expect(existsSync(path)).toBe(true)
  expect(() => listening(path)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' }),
  )
  expect(() => sendDatagram(path, 'x')).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }))
})

test.runIf(process.platform === 'linux')('an abstract name, as systemd may give', async () => {
  const { path, datagrams } = listening(`@handoff-test-notify-${process.pid}`)
  sendDatagram(path, 'READY=1')
  await until('the datagram arrives', () => datagrams.length === 1)
})

test('a sender never waits: nobody there, or a full queue, is an error', () => {
  const path = join(scratchDirectory(), 'notify.sock')
  expect(() => sendDatagram(path, 'x')).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'sendmsg', address: path }),
  )
  const { path: full } = listening()
  expect(() => {
    for (;;) sendDatagram(full, 'x') // nobody receives before this returns
  }).toThrow(expect.objectContaining({ code: hasProc ? 'EAGAIN' : 'ENOBUFS' }))
})

test('a datagram that is too long is an error, and those after it arrive', async () => {
  const { path, datagrams, errors } = listening()
  const [file = -1] = openFiles(1)
  sendDatagram(path, Buffer.alloc(64 * 1024 + 1), [file])
  sendDatagram(path, 'after')
  await until('the datagram arrives', () => datagrams.length === 1)
  expect(datagrams[0]?.data.toString()).toBe('after')
  expect(errors).toMatchObject([{ code: 'ERR_HANDOFF_TRUNCATED' }])
})

test.runIf(canLimitDescriptors)(
  'at the limit on descriptors the datagram is lost whole, and that is said',
  async () => {
    const { path, datagrams, errors } = listening()
    sendDatagram(path, 'FDSTORE=1', openFiles(3))
    await withDescriptorsLeft(2, async () => {
      const before = descriptors(process.pid).length
      await until('the error is reported', () => errors.length > 0)
      expect(descriptors(process.pid).length).toBe(before)
    })
    sendDatagram(path, 'after')
    await until('the datagram arrives', () => datagrams.length === 1)
    expect(errors).toMatchObject([{ code: 'ERR_HANDOFF_TRUNCATED' }])
  },
)

test('an error of the callback is its own, not the listener’s', async () => {
  const path = join(scratchDirectory(), 'notify.sock')
  const errors: Error[] = []
  const listener = DatagramListener.bind(
    path,
    0o600,
    () => {
      throw new Error('of the callback')
    },
    (error) => errors.push(error),
  )
  onTestFinished(() => listener.close())
  const uncaught: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  onTestFinished(() => {
    for (const other of others) process.on('uncaughtException', other)
  })
  process.once('uncaughtException', (error) => uncaught.push(error))
  sendDatagram(path, 'x')
  await until('the exception surfaces', () => uncaught.length > 0)
  expect(uncaught).toMatchObject([{ message: 'of the callback' }])
  expect(errors).toEqual([])
})
