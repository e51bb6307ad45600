import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'

/** Runs a script in a worker, which loads the addon once more. */
function inWorker(script: string): Worker {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     import('socket-handoff/channel').then(async ({ Channel }) => { ${script} })`,
    { eval: true },
  )
  onTestFinished(async () => void (await worker.terminate()))
  return worker
}

/** What a worker said before it ended, and how it ended. */
async function outcome(worker: Worker): Promise<{ said: unknown[]; code: number }> {
  const said: unknown[] = []
  worker.on('message', (message) => said.push(message))
  const [code] = await once(worker, 'exit')
  return { said, code }
}

test('several workers and the main thread use it at once', async () => {
  const useIt = `
    const [here, there] = Channel.pair()
    await here.send(Buffer.from('from a worker'), [0])
    const { data, fds } = await there.read()
    parentPort.postMessage(data.toString() + ' ' + fds.length)
    here.close()
    there.close()`
  const workers = [inWorker(useIt), inWorker(useIt)].map(outcome)
  const [here, there] = Channel.pair()
  await here.send(Buffer.from('x'))
  expect((await there.read())?.data.toString()).toBe('x')
  here.close()
  there.close()
  expect(await Promise.all(workers)).toEqual(Array(2).fill({ said: ['from a worker 1'], code: 0 }))
})

test('an unreferenced read or send does not keep a thread', async () => {
  const worker = inWorker(`
    const [here, there] = Channel.pair()
    here.unref()
    here.read()
    there.send(Buffer.alloc(8 * 1024 * 1024))
    there.unref()
    parentPort.postMessage('reading')`)
  expect(await outcome(worker)).toEqual({ said: ['reading'], code: 0 })
})

test('a pending read keeps a thread, and an idle channel does not', async () => {
  const worker = inWorker(`
    const [here, there] = Channel.pair()
    here.unref()
    here.ref()
    // An unreferenced timer: only the read can keep the thread until it fires.
    setTimeout(() => there.send(Buffer.from('x')), 50).unref()
    parentPort.postMessage((await here.read()).data.toString())`)
  expect(await outcome(worker)).toEqual({ said: ['x'], code: 0 })
})

// While a thread is terminated, calls into Node-API fail that cannot fail otherwise.
test.each([
  ['in a callback', 'for (;;) await Promise.all([here.send(Buffer.alloc(100)), there.read()])'],
  ['in native code', 'for (;;) (here.ref(), here.unref())'],
])('a thread may be terminated %s, with open channels', async (_, script) => {
  for (let i = 0; i < 5; i++) {
    const worker = inWorker(`
      const [here, there] = Channel.pair()
      const [idle] = Channel.pair()
      idle.read()
      parentPort.postMessage('busy')
      ${script}`)
    await once(worker, 'message')
    expect(await worker.terminate()).toBe(1)
  }
})
