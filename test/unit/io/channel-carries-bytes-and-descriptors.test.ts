import { readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { Channel, type Received } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { UnixAcceptor } from '../../../packages/handoff/src/io/channel/unix-acceptor.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close, socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { hasProc } from '../../support/process-facts.ts'
import { closeLater, inode, openFiles, scratchDirectory } from '../../support/scratch.ts'

const byte = Buffer.from('x')

function pair(): [Channel, Channel] {
  const ends = Channel.pair()
  onTestFinished(() => ends.forEach((end) => void end.close()))
  return ends
}

/** The flags of an open descriptor, as open(2) has them. */
const flagsOf = (fd: number) =>
  Number.parseInt(
    /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '',
    8,
  )
const O_CLOEXEC = 0o2000000
const O_NONBLOCK = 0o4000

/** Reads until so many bytes have come. */
async function readAll(channel: Channel, bytes: number): Promise<{ data: Buffer; fds: number[] }> {
  const all: Received[] = []
  for (let length = 0; length < bytes; ) {
    const received = await channel.read()
    if (received === undefined) throw new Error(`the stream ended after ${length} bytes`)
    all.push(received)
    length += received.data.length
  }
  return { data: Buffer.concat(all.map((r) => r.data)), fds: all.flatMap((r) => r.fds) }
}

test('a descriptor arrives as another number for the same open file', async () => {
  const [here, there] = pair()
  const [file = -1] = openFiles(1)
  await here.send(byte, [file])
  const received = await there.read()
  expect(received?.data.toString()).toBe('x')
  const [copy = -1, ...rest] = received?.fds ?? []
  closeLater(copy)
  expect(rest).toEqual([])
  expect(copy).not.toBe(file)
  expect(inode(copy)).toBe(inode(file))
  const text = Buffer.alloc(1)
  readSync(copy, text, 0, 1, 0)
  expect(text.toString()).toBe('0')
})

test('253 descriptors arrive together and in order, the most that the kernel takes', async () => {
  const [here, there] = pair()
  const files = openFiles(253)
  await here.send(byte, files)
  const { fds = [] } = (await there.read()) ?? {}
  expect(fds.map(inode)).toEqual(files.map(inode))
  fds.forEach(close)
})

test('misuse of send throws at once and sends nothing', async () => {
  const [here, there] = pair()
  const refused = { code: 'ERR_HANDOFF_INVALID_OPTION' }
  const sends: [Uint8Array, unknown[]][] = [
    [byte, new Array(254).fill(0)],
    [Buffer.alloc(0), [0]],
    [byte, [-1]],
    [byte, [1.5]],
    [byte, [undefined]],
    [byte, ['0']],
  ]
  for (const [bytes, fds] of sends) {
    expect(() => here.send(bytes, fds as number[])).toThrow(expect.objectContaining(refused))
  }
  here.close()
  expect(await there.read()).toBeUndefined()
})

test('whatever is sent arrives whole, in order, with its descriptors', async () => {
  const files = openFiles(4)
  const message = fc.record({
    length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300_000 })),
    fds: fc.array(fc.constantFrom(...files), { maxLength: 8 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 12 }), async (messages) => {
      const [here, there] = pair()
      const bytes = messages.map(({ length }, i) => Buffer.alloc(length, i + 1))
      const sent = Promise.all(bytes.map((data, i) => here.send(data, messages[i]?.fds)))
      const expected = Buffer.concat(bytes)
      const { data, fds } = await readAll(there, expected.length)
      await sent
      expect(data.equals(expected)).toBe(true)
      expect(fds.map(inode)).toEqual(messages.flatMap((m) => m.fds.map(inode)))
      fds.forEach(close)
      here.close()
      there.close()
    }),
    { numRuns: 25 },
  )
})

test.runIf(hasProc)('received descriptors do not pass to programs that are started', async () => {
  const [here, there] = pair()
  await here.send(byte, openFiles(3))
  const { fds = [] } = (await there.read()) ?? {}
  expect(fds).toHaveLength(3)
  for (const fd of [...fds, here.fd, there.fd]) expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC)
  fds.forEach(close)
})

test.runIf(hasProc)('an end that is not read stays blocking, for a child to inherit', async () => {
  const [here, there] = pair()
  await there.send(byte)
  await here.read()
  expect(flagsOf(there.fd) & O_NONBLOCK).toBe(0)
  expect(flagsOf(here.fd) & O_NONBLOCK).toBe(O_NONBLOCK)
})

test.runIf(hasProc)('what is read names its sender, and the pair its maker', async () => {
  const me = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }
  const [here, there] = pair()
  await there.send(byte)
  expect((await here.read())?.credentials).toEqual(me)
  expect(there.peerCredentials()).toEqual(me)
})

test.runIf(hasProc)('an inherited end learns senders from its first read on', async () => {
  const [here, there] = socketPair().map((fd) => closeLater(Channel.from(fd))) as [Channel, Channel]
  await here.send(byte)
  expect((await there.read())?.credentials).toBeUndefined()
  await here.send(byte)
  expect((await there.read())?.credentials?.pid).toBe(process.pid)
})

test('connect reaches a path, and each side knows the other', async () => {
  const path = join(scratchDirectory(), 'channel.sock')
  const accepted = new Promise<number>((resolve, reject) => {
    closeLater(new UnixAcceptor(bindUnix({ path }), resolve, reject)).start()
  })
  const client = closeLater(Channel.connect(path))
  const server = closeLater(Channel.from(await accepted))
  await client.send(byte)
  expect((await server.read())?.data.toString()).toBe('x')
  expect(server.peerCredentials().uid).toBe(process.getuid?.())
  expect(client.peerCredentials().uid).toBe(process.getuid?.())
})
