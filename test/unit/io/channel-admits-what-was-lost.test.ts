import { closeSync } from 'node:fs'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import { canLimitDescriptors, withDescriptorsLeft } from '../../support/descriptor-limit.ts'
import { descriptors } from '../../support/process-facts.ts'
import { openFiles } from '../../support/scratch.ts'

const byte = Buffer.from('x')

function pair(): [Channel, Channel] {
  const ends = Channel.pair()
  onTestFinished(() => ends.forEach((end) => void end.close()))
  return ends
}

// recvmsg succeeds when descriptors run out, with as many as found room.
test.runIf(canLimitDescriptors)(
  'descriptors that found no room are an error, and those that did are closed',
  async () => {
    const [here, there] = pair()
    await here.send(byte, openFiles(5))
    // The first turn of the loop opens what the poll needs.
    const wokenUp = there.read().catch((error: unknown) => error)
    let left = 0
    await withDescriptorsLeft(3, async () => {
      const before = descriptors(process.pid).length
      const error = await wokenUp
      left = descriptors(process.pid).length - before
      expect(error).toMatchObject({ code: 'ERR_HANDOFF_TRUNCATED' })
      expect(String(error)).toContain('ulimit -n')
    })
    expect(left).toBe(0)
  },
)

test.runIf(canLimitDescriptors)('nothing can be read after the loss', async () => {
  const [here, there] = pair()
  await here.send(byte, openFiles(5))
  await here.send(Buffer.from('after'))
  await withDescriptorsLeft(3, async () => {
    await expect(there.read()).rejects.toMatchObject({ code: 'ERR_HANDOFF_TRUNCATED' })
  })
  await expect(there.read()).rejects.toMatchObject({ code: 'ERR_HANDOFF_TRUNCATED' })
})

test.runIf(canLimitDescriptors)('exactly enough room is enough', async () => {
  const [here, there] = pair()
  await here.send(byte, openFiles(5))
  await withDescriptorsLeft(5, async () => {
    const { fds = [] } = (await there.read()) ?? {}
    expect(fds).toHaveLength(5)
    fds.forEach((fd) => void closeSync(fd))
  })
})
