import { setImmediate as turn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { close, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { openFiles } from '../../support/scratch.ts'

const MORE_THAN_THE_KERNEL_HOLDS = 8 * 1024 * 1024

function pair(): [Channel, Channel] {
  const ends = Channel.pair()
  onTestFinished(() => ends.forEach((end) => void end.close()))
  return ends
}

/** Gives the event loop every chance to do what it should not. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn()
}

test('a send stays pending until the peer has made room, and later ones stay behind it', async () => {
  const [here, there] = pair()
  const done: string[] = []
  const first = here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS, 'a')).then(() => done.push('a'))
  const second = here.send(Buffer.from('b')).then(() => done.push('b'))
  await turns()
  expect(done).toEqual([])

  let received = 0
  let last = ''
  while (received <= MORE_THAN_THE_KERNEL_HOLDS) {
    const { data = Buffer.alloc(0) } = (await there.read()) ?? {}
    received += data.length
    last = data.toString('latin1', data.length - 1)
  }
  await Promise.all([first, second])
  expect(last).toBe('b')
  expect(done).toEqual(['a', 'b'])
})

test('nothing is taken from the kernel while nobody reads', async () => {
  const [here, there] = pair()
  await here.send(Buffer.from('one'))
  expect((await there.read())?.data.toString()).toBe('one')
  const big = here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS))
  const unsent = Symbol('unsent')
  await turns()
  expect(await Promise.race([big, turn(unsent)])).toBe(unsent)
  here.close()
  await expect(big).rejects.toMatchObject({ code: 'ERR_HANDOFF_CHANNEL_CLOSED' })
})

test('reads are served in the order of the calls', async () => {
  const [here, there] = pair()
  const reads = [there.read(), there.read()]
  await here.send(Buffer.from('1'))
  expect((await reads[0])?.data.toString()).toBe('1')
  await here.send(Buffer.from('2'))
  expect((await reads[1])?.data.toString()).toBe('2')
})

test('a peer that never pauses leaves the event loop to others', async () => {
  const [here, there] = pair()
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  onTestFinished(() => clearInterval(timer))
  const flood = (async () => {
    while (ticks < 5) await Promise.all([here.send(Buffer.alloc(65_536)), there.read()])
  })()
  await flood
  expect(ticks).toBeGreaterThanOrEqual(5)
})

test('both ends may send at once, more than the kernel holds', async () => {
  const [here, there] = pair()
  const big = Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS)
  const drain = async (channel: Channel) => {
    for (let left = big.length; left > 0; ) left -= (await channel.read())?.data.length ?? 0
  }
  await Promise.all([here.send(big), there.send(big), drain(here), drain(there)])
})

test('a withdrawn message never leaves, although another file has the number of its descriptor by then', async () => {
  const [here, there] = pair()
  const big = here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS))
  const [file = -1] = openFiles(1)
  const fd = dup(file)
  const message = { isWanted: true, hasLeft: false }
  const withdrawn = here.send(Buffer.from('b'), [fd], message)
  const last = here.send(Buffer.from('c'))
  message.isWanted = false
  close(fd)
  expect(dup(file), 'another descriptor with the same number').toBe(fd)
  onTestFinished(() => close(fd))

  const fds: number[] = []
  let received = 0
  let end = ''
  while (received <= MORE_THAN_THE_KERNEL_HOLDS) {
    const { data = Buffer.alloc(0), fds: more = [] } = (await there.read()) ?? {}
    received += data.length
    fds.push(...more)
    end = data.toString('latin1', data.length - 1)
  }
  await Promise.all([big, withdrawn, last])
  expect({ fds, end, hasLeft: message.hasLeft }).toEqual({ fds: [], end: 'c', hasLeft: false })
})

test('a message that was withdrawn after its first byte goes to its end', async () => {
  const [here, there] = pair()
  const message = { isWanted: true, hasLeft: false }
  const sent = here.send(Buffer.alloc(MORE_THAN_THE_KERNEL_HOLDS), [], message)
  expect(message.hasLeft).toBe(true)
  message.isWanted = false
  for (let received = 0; received < MORE_THAN_THE_KERNEL_HOLDS; ) {
    received += (await there.read())?.data.length ?? 0
  }
  await sent
})
