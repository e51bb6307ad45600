import { join } from 'node:path'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { Channel } from 'socket-handoff/channel'
import { expect, onTestFinished, test } from 'vitest'
import {
  DatagramListener,
  keepReachable,
  sendDatagram,
} from '../../../packages/handoff/src/io/channel/datagram.ts'
import { UnixAcceptor } from '../../../packages/handoff/src/io/channel/unix-acceptor.ts'
import {
  connectUnix,
  peerCredentials,
} from '../../../packages/handoff/src/io/channel/unix-socket.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { Rendezvous } from '../../../packages/handoff/src/io/rendezvous/rendezvous.ts'
import { canLimitDescriptors, withDescriptorsLeft } from '../../support/descriptor-limit.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { closeLater, openFiles, scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

function accepting() {
  const path = join(scratchDirectory(), 'x.sock')
  const accepted: number[] = []
  const errors: Error[] = []
  const acceptor = new UnixAcceptor(
    bindUnix({ path }),
    (fd) => accepted.push(fd),
    (error) => errors.push(error),
  )
  onTestFinished(() => {
    acceptor.close()
    accepted.splice(0).forEach(close)
  })
  return { path, accepted, errors, acceptor }
}

test('it accepts while it is started, and stopping loses no connection', async () => {
  const { path, accepted, acceptor } = accepting()
  const connect = () => closeLater(connectUnix(path))
  connect()
  for (let i = 0; i < 10; i++) await turn()
  expect(accepted).toHaveLength(0)

  acceptor.start()
  await until('one connection is accepted', () => accepted.length === 1)
  acceptor.stop()
  connect()
  connect()
  for (let i = 0; i < 10; i++) await turn()
  expect(accepted).toHaveLength(1)

  acceptor.start()
  await until('all are accepted', () => accepted.length === 3)
  for (const fd of accepted) expect(peerCredentials(fd).uid).toBe(process.getuid?.())
})

test('a callback may close it', async () => {
  const path = join(scratchDirectory(), 'x.sock')
  const accepted: number[] = []
  const acceptor = new UnixAcceptor(
    bindUnix({ path }),
    (fd) => {
      accepted.push(fd)
      acceptor.close()
    },
    () => undefined,
  )
  const clients = [Channel.connect(path), Channel.connect(path)].map(closeLater)
  acceptor.start()
  // The second one was still in the queue of a listener that is closed now.
  await expect(clients[1]?.read()).rejects.toMatchObject({ code: 'ERR_HANDOFF_PEER_GONE' })
  expect(accepted).toHaveLength(1)
  accepted.forEach(close)
  expect(() => acceptor.start()).toThrow(expect.objectContaining({ code: 'EINVAL' }))
  acceptor.close()
})

test('peers that nobody connected to are not invented', () => {
  const [file = -1] = openFiles(1)
  expect(() => peerCredentials(file)).toThrow(expect.objectContaining({ code: 'ENOTSOCK' }))
  const listener = closeLater(bindUnix({ path: join(scratchDirectory(), 'x.sock') }))
  // On Linux a listener tells who listens.
  if (hasProc) expect(peerCredentials(listener).pid).toBe(process.pid)
})

test.runIf(canLimitDescriptors)(
  'at EMFILE it refuses who waits, says so once, and accepts again when there is room',
  async () => {
    const { path, accepted, errors, acceptor } = accepting()
    acceptor.start()
    const clients = [Channel.connect(path), Channel.connect(path)].map(closeLater)
    await withDescriptorsLeft(0, async () => {
      await until('the error is reported', () => errors.length > 0)
      for (const client of clients) expect(await client.read()).toBeUndefined()
      for (let i = 0; i < 20; i++) await turn()
    })
    expect(errors).toMatchObject([{ code: 'EMFILE', syscall: 'accept' }])
    expect(accepted).toHaveLength(0)

    closeLater(connectUnix(path))
    await until('one connection is accepted', () => accepted.length === 1)
  },
)

test.runIf(canLimitDescriptors)(
  'at EMFILE a new process receives the reason, not an end that looks like a death',
  async () => {
    const path = join(scratchDirectory(), 'x.sock')
    const errors: Error[] = []
    const warn = (error: Error) => errors.push(error)
    const rendezvous = Rendezvous.bind(
      path,
      { uid: process.getuid?.() ?? 0, allowUids: [] },
      { onConnection: close, onError: warn },
    )
    onTestFinished(() => rendezvous.close({ unlink: true }))
    rendezvous.open()
    const client = closeLater(Channel.connect(path))
    await withDescriptorsLeft(0, async () => {
      await until('the error is reported', () => errors.length > 0)
      const received = Buffer.from((await client.read())?.data ?? [])
      expect(received.toString()).toMatch(
        /ERR_HANDOFF_SEND_FAILED.*the old process \(pid \d+\) has no file descriptor left/,
      )
      expect(await client.read()).toBeUndefined()
    })
  },
)

test.runIf(canLimitDescriptors)('at EMFILE a process still reports that it lives', async () => {
  const path = join(scratchDirectory(), 'n.sock')
  const received: string[] = []
  const listener = DatagramListener.bind(
    path,
    0o600,
    ({ data }) => received.push(data.toString()),
    () => {},
  )
  onTestFinished(() => listener.close())
  keepReachable(path)
  await withDescriptorsLeft(0, async () => {
    sendDatagram(path, 'ALIVE=1')
    await until('it has come', () => received.length > 0)
  })
  expect(received).toEqual(['ALIVE=1'])
})

test.runIf(canLimitDescriptors)(
  'without a descriptor to spare it says so once, and accepts when there is room',
  async () => {
    const path = join(scratchDirectory(), 'x.sock')
    const listener = bindUnix({ path })
    const clients = [connectUnix(path), connectUnix(path)]
    const accepted: number[] = []
    const errors: Error[] = []
    let acceptor: UnixAcceptor | undefined
    await withDescriptorsLeft(0, async () => {
      acceptor = new UnixAcceptor(
        listener,
        (fd) => accepted.push(fd),
        (error) => errors.push(error),
      )
      acceptor.start()
      await until('the error is reported', () => errors.length > 0)
      for (let i = 0; i < 200; i++) await turn()
    })
    await until('both are accepted', () => accepted.length === 2)
    expect(errors).toMatchObject([{ code: 'EMFILE', syscall: 'accept' }])
    acceptor?.close()
    for (const fd of [...accepted, ...clients]) close(fd)
  },
)

test('connects without end take a bounded part of the event loop, and all are accepted', async () => {
  const { path, accepted, errors, acceptor } = accepting()
  const clients = Array.from({ length: 100 }, () => connectUnix(path))
  acceptor.start()
  let most = 0
  // Each turn of the event loop: the test's own deadline ends it.
  for (let last = 0; last < 100; ) {
    await turn()
    most = Math.max(most, accepted.length - last)
    last = accepted.length
  }
  expect(most).toBeLessThanOrEqual(8)
  expect(errors).toEqual([])
  clients.forEach(close)
})

test('of many peers those that have closed again are thrown away, at a pace of their own', async () => {
  const { path, accepted, acceptor } = accepting()
  for (let i = 0; i < 200; i++) close(connectUnix(path))
  const client = connectUnix(path)
  acceptor.start()
  await until('the one that stays is accepted', () => {
    return accepted.some((fd) => loadNative().isHungUp(fd) === 0)
  })
  // The first few are as any other.
  expect(accepted.length).toBeLessThan(20)
  close(client)
})

test('a pause of its own does not outlast a stop, and a stop ends no pause', async () => {
  const { path, accepted, acceptor } = accepting()
  const clients = Array.from({ length: 40 }, () => connectUnix(path))
  acceptor.start()
  await until('the window is full', () => accepted.length === 32)
  acceptor.stop()
  await delay(400)
  expect(accepted).toHaveLength(32)
  acceptor.start()
  await until('the rest is accepted', () => accepted.length === 40)
  clients.forEach(close)
})

test.runIf(hasProc)('it leaves nothing open', () => {
  const before = descriptors(process.pid).length
  for (let i = 0; i < 20; i++) {
    const acceptor = new UnixAcceptor(
      bindUnix({ path: join(scratchDirectory(), 'x.sock') }),
      close,
      () => undefined,
    )
    acceptor.start()
    acceptor.close()
  }
  expect(descriptors(process.pid).length).toBe(before)
})
