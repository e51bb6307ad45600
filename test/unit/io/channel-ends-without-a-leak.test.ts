import { closeSync, fstatSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { openFiles } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const byte = Buffer.from('x')
const MORE_THAN_THE_KERNEL_HOLDS = 8 * 1024 * 1024

function pair(): [Channel, Channel] {
  const ends = Channel.pair()
  onTestFinished(() => ends.forEach((end) => void end.close()))
  return ends
}

test('close settles what is pending, may be repeated, and frees the number', async () => {
  const [here, there] = pair()
  const { fd } = here
  const read = here.read()
  const sends = [here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS)), here.send(byte)]
  here.close()
  here.close()
  expect(await read).toBeUndefined()
  for (const send of sends) {
    await expect(send).rejects.toMatchObject({ code: 'ERR_HANDOFF_CHANNEL_CLOSED' })
  }
  expect(here.fd).toBe(-1)
  expect(() => fstatSync(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  await expect(here.send(byte)).rejects.toMatchObject({ code: 'ERR_HANDOFF_CHANNEL_CLOSED' })
  expect(await here.read()).toBeUndefined()
  expect(() => here.peerCredentials()).toThrow(expect.objectContaining({ code: 'EBADF' }))
  there.close()
})

test('iteration ends at the end of the stream, after all that was sent', async () => {
  const [here, there] = pair()
  await here.send(Buffer.from('last words'))
  here.close()
  let text = ''
  for await (const { data } of there) text += data
  expect(text).toBe('last words')
  expect(await there.read()).toBeUndefined()
})

test('leaving the iteration leaves the channel open', async () => {
  const [here, there] = pair()
  await here.send(byte)
  for await (const _ of there) break
  await here.send(Buffer.from('y'))
  expect((await there.read())?.data.toString()).toBe('y')
})

test('a send to a closed peer says so, with the system error as cause', async () => {
  const [here, there] = pair()
  there.close()
  await expect(here.send(byte)).rejects.toMatchObject({
    code: 'ERR_HANDOFF_PEER_GONE',
    cause: { code: 'EPIPE', syscall: 'sendmsg' },
  })
})

test('when the peer closes in the middle of a message, it and all behind it fail', async () => {
  const [here, there] = pair()
  const sends = [here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS)), here.send(byte)]
  await there.read()
  there.close()
  for (const send of [...sends, here.send(byte)]) {
    await expect(send).rejects.toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE' })
  }
})

test('a peer that closed before it read what we sent is an error, not an end', async () => {
  const [here, there] = pair()
  await here.send(byte)
  const read = here.read()
  there.close()
  await expect(read).rejects.toMatchObject({
    code: 'ERR_HANDOFF_PEER_GONE',
    cause: { code: 'ECONNRESET' },
  })
})

test('a descriptor that is not open fails its own send and no other', async () => {
  const [here, there] = pair()
  const [file = -1] = openFiles(1)
  const closed = Channel.pair()
  const { fd } = closed[0]
  closed.forEach((end) => void end.close())
  const sends = [here.send(byte, [fd]), here.send(byte, [file])]
  await expect(sends[0]).rejects.toMatchObject({
    code: 'ERR_HANDOFF_SEND_FAILED',
    cause: { code: 'EBADF' },
  })
  await sends[1]
  const { data, fds = [] } = (await there.read()) ?? {}
  expect(data?.length).toBe(1)
  expect(fds).toHaveLength(1)
  fds.forEach((received) => void closeSync(received))
})

test('from refuses what is no socket and leaves it to its owner', () => {
  const [file = -1] = openFiles(1)
  expect(() => Channel.from(file)).toThrow(expect.objectContaining({ code: 'ENOTSOCK' }))
  expect(() => Channel.from(undefined as unknown as number)).toThrow(
    expect.objectContaining({ code: 'EBADF' }),
  )
  expect(fstatSync(file).isFile()).toBe(true)
})

test.runIf(hasProc)('nothing stays open after many channels', async () => {
  const [file = -1] = openFiles(1)
  const use = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const [here, there] = Channel.pair()
      const read = there.read()
      await here.send(byte, [file, file])
      for (const fd of (await read)?.fds ?? []) closeSync(fd)
      const pending = there.read()
      here.close()
      await pending
      there.close()
    }
  }
  await use(1)
  const before = descriptors(process.pid).length
  await use(200)
  expect(descriptors(process.pid).length).toBe(before)
})

test('a closed channel is collected, used or not', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const closed: WeakRef<Channel>[] = []
  for (let i = 0; i < 10; i++) {
    const [here, there] = Channel.pair()
    const read = there.read()
    await here.send(byte)
    await read
    here.close()
    there.close()
    closed.push(new WeakRef(here), new WeakRef(there))
  }
  // The last pair may still be on the stack of this function.
  await until('the channels are collected', () => {
    collect()
    return closed.filter((reference) => reference.deref()).length <= 2
  })
})
