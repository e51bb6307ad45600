import { setImmediate as turn } from 'node:timers/promises'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'

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
