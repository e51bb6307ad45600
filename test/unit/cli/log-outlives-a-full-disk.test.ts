import { expect, test } from 'vitest'
import { Log } from '../../../packages/handoff/src/cli/text/log.ts'

const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

/** A log file on a disk that is full at times; as newer releases of Node.js report it, or as older ones do. */
function disk(throws: boolean) {
  const written: string[] = []
  const stream = {
    isFull: false,
    written,
    write(text: string, done: (error?: Error | null) => void) {
      if (stream.isFull && throws) throw full
      if (!stream.isFull) written.push(text)
      process.nextTick(done, stream.isFull ? full : null)
    },
  }
  return stream
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

test.each([false, true])(
  'lines that are lost are counted once (write throws: %s)',
  async (throws) => {
    const stream = disk(throws)
    const log = new Log(stream, () => 'handoff: ')
    log.write('a')
    stream.isFull = true
    log.write('b')
    await nextTurn()
    log.write('c')
    log.write('d')
    await nextTurn()
    stream.isFull = false
    log.write('e')
    log.write('f')
    await nextTurn()
    log.write('g')

    const loss = 'handoff: 3 lines could not be written here before this one\n'
    expect(stream.written).toEqual(['a\n', `${loss}e\n`, 'f\n', 'g\n'])
  },
)
