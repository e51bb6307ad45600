import { fstatSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  bindTcp,
  bindUdp,
  bindUnix,
} from '../../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close, describe } from '../../../../packages/handoff/src/io/native/descriptors.ts'
import { storeNameOf } from '../../../../packages/handoff/src/protocol/store-names.ts'
import { ListenerStore } from '../../../../packages/handoff/src/supervisor/worker/start/listener-store.ts'
import { reservePlaces } from '../../../../packages/handoff/src/supervisor/worker/start/reserved-places.ts'

const inodeOf = (fd: number) => fstatSync(fd, { bigint: true }).ino

/** Kept for the first worker under this key, until the test ends. */
function kept(key: string, fd: number) {
  onTestFinished(() => close(fd))
  return { name: storeNameOf(key), fd }
}

function reserved(...how: Parameters<typeof reservePlaces>) {
  const named = reservePlaces(...how)
  onTestFinished(() => {
    for (const { fd } of named) close(fd)
  })
  return named
}

const local = { address: '127.0.0.1', port: 0 }
const tcpKey = 'tcp:127.0.0.1:0#1'

test.runIf(process.platform === 'linux')(
  'a TCP listener gets a queue of its own, and no client yet',
  () => {
    const first = kept(tcpKey, bindTcp(local))
    const [one, ...others] = reserved([first], new Set())
    expect(others).toEqual([])
    expect(one?.name).toBe(first.name)
    const facts = describe(one?.fd ?? -1)
    expect(facts).toMatchObject({ listening: false, port: describe(first.fd).port })
    expect(inodeOf(one?.fd ?? -1)).not.toBe(inodeOf(first.fd))
  },
)

test('UDP and Unix sockets have one queue for all', () => {
  const directory = mkdtempSync(join(tmpdir(), 'handoff-reservePlaces-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'app.sock')
  const first = [
    kept('udp:127.0.0.1:0#1', bindUdp(local)),
    kept(`unix:${path}`, bindUnix({ path })),
  ]
  const shared = reserved(first, new Set())
  expect(shared.map(({ fd }) => inodeOf(fd))).toEqual(first.map(({ fd }) => inodeOf(fd)))
})

test('of several workers at one place one is enough, and any of them will do', () => {
  const [second, third] = [kept(tcpKey, bindTcp(local)), kept(tcpKey, bindTcp(local))]
  const named = reserved([second, third], new Set())
  expect(named.map(({ name }) => name)).toEqual([second.name])
  expect(describe(named[0]?.fd ?? -1).port).toBe(describe(second.fd).port)
})

test('nothing is reserved that the worker has, or that the first one has taken in', () => {
  const first = [
    kept(tcpKey, bindTcp(local)),
    kept(`2@${tcpKey}`, bindTcp(local)),
    { ...kept(tcpKey, bindTcp(local)), name: 'web.socket' },
  ]
  expect(reserved(first, new Set([storeNameOf(tcpKey)]))).toEqual([])
})

test('a store tells when it has all that a process listens on', async () => {
  const store = new ListenerStore()
  onTestFinished(() => store.close())
  const [fd, other] = [bindTcp(local), bindTcp(local)]
  const places = [fd, other].map((each) => `tcp:127.0.0.1:${describe(each).port}`)
  let done = false
  const keeps = store.allKept(places).then(() => {
    done = true
  })
  store.put(storeNameOf(tcpKey), fd)
  await new Promise(setImmediate)
  expect(done).toBe(false)
  store.put(storeNameOf('tcp:127.0.0.1:0#2'), other)
  await keeps
  await store.allKept(places)
})
