import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { FailureFile } from '../../support/failure-file.ts'
import { frame, HELLO, parseFrame, REFUSE } from '../../support/frames.ts'
import { Load } from '../../support/load/load.ts'
import { startRun } from '../../support/run.ts'

const nonsense: { what: string; bytes: Buffer; code: string }[] = [
  {
    what: 'an HTTP request',
    bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    code: 'ERR_HANDOFF_PROTOCOL',
  },
  { what: 'zeroes', bytes: Buffer.alloc(64), code: 'ERR_HANDOFF_PROTOCOL' },
  {
    what: 'a frame of 4 GiB',
    bytes: frame(HELLO, {}, 0xffff_ffff),
    code: 'ERR_HANDOFF_PROTOCOL',
  },
  {
    what: 'a hello without versions',
    bytes: frame(HELLO, { pid: 1 }),
    code: 'ERR_HANDOFF_PROTOCOL',
  },
  {
    what: 'only version 0',
    bytes: frame(HELLO, { versions: [0], pid: 1 }),
    code: 'ERR_HANDOFF_VERSION',
  },
]

test('the old process serves on whatever the new one says instead of a hello', async () => {
  const failure = new FailureFile()
  const run = await startRun('failing-server.mjs', { env: failure.env })
  const load = new Load(run.target)
  await load.more(100)

  for (const { what, bytes, code } of nonsense) {
    failure.next('say', 'import', bytes.toString('hex'))
    const reload = await run.reload()
    expect(reload.exitCode, reload.text).toBe(1)
    expect(reload.text, what).toContain(code)
  }

  await load.more(100)
  const tally = await load.stop()
  expect(tally.failed, `${tally}`).toBe(0)
  expect(tally.pids.size, 'one process answered everything').toBe(1)
  failure.none()
  await run.reloadWell()
  await run.stop()
})

test('a peer that speaks only version 0 is told which code refused it', async () => {
  const run = await startRun('hello-server.mjs')
  const socket = connect(run.rendezvous)
  socket.end(frame(HELLO, { versions: [0], pid: process.pid }))

  const [answer] = await once(socket, 'data')

  const { type, payload } = parseFrame(answer)
  expect([type, payload.code]).toEqual([REFUSE, 'ERR_HANDOFF_VERSION'])
  await run.reloadWell()
  await run.stop()
})

test('a peer that hangs up in the middle of its hello changes nothing', async () => {
  const run = await startRun('hello-server.mjs')
  for (let i = 0; i < 20; i++) {
    const socket = connect(run.rendezvous)
    socket.end(frame(HELLO, { versions: [1], pid: process.pid }).subarray(0, i))
    await once(socket.resume(), 'close')
  }
  await run.reloadWell()
  await run.stop()
})
