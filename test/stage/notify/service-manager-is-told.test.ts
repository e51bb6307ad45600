// What a supervisor or systemd hears of a process, beside its events: sd_notify(3), word by word.

import http from 'node:http'
import { expect, test } from 'vitest'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { freePort } from '../../support/free-port.ts'
import { NotifyPeer } from '../../support/notify-peer.ts'
import { ask, whereIs } from '../support/clients.ts'
import { openPlace } from '../support/place.ts'
import { turns } from '../support/scripted-server.ts'
import { listeningInode } from '../support/sockets.ts'

const local = { host: '127.0.0.1', port: 0 }
const store = (key: string) => `FDSTORE=1 FDNAME=${storeNameOf(key)}`
const remove = (key: string) => `FDSTOREREMOVE=1 FDNAME=${storeNameOf(key)}`
const first = 'tcp:127.0.0.1:0#1'
/** The defaults: a supervisor's own may be shorter. */
const [toStart, toStop] = ['EXTEND_TIMEOUT_USEC=60000000', 'EXTEND_TIMEOUT_USEC=30000000']

function watched() {
  const place = openPlace()
  const peer = new NotifyPeer()
  const env = (more: NodeJS.ProcessEnv = {}) => ({ NOTIFY_SOCKET: peer.path, ...more })
  return { place, peer, env }
}

test('a process that serves tells so, and then gives its listeners to keep', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  const server = await process.listen(local)
  await process.handoff.ready()
  expect(await peer.hears(store(first))).toEqual([
    toStart,
    `READY=1 MAINPID=${process.system.pid}`,
    store(first),
  ])
  const inodes = peer.datagrams.flatMap(({ inodes }) => inodes)
  expect(inodes.map((inode) => `socket:[${inode}]`)).toEqual([listeningInode(server)])
})

test('a listener that comes is given, one that the application closes is taken away', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  const server = await process.listen(local)
  await process.handoff.ready()
  await peer.hears(store(first))
  const from = peer.datagrams.length
  const path = place.path('app.sock')

  const other = await process.listen({ path })
  server.close()
  other.close()
  expect(await peer.hears(remove(`unix:${path}`), from)).toEqual([
    store(`unix:${path}`),
    remove(first),
    remove(`unix:${path}`),
  ])
})

test('a server that closes and listens again has its new listener kept', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  const where = { host: '127.0.0.1', port: await freePort() }
  const key = `tcp:127.0.0.1:${where.port}`
  const server = await process.listen(where)
  await process.handoff.ready()
  await peer.hears(store(key))
  server.close()
  const again = await process.listen(where)
  await peer.hears(remove(key))
  const count = () => peer.told().filter((told) => told === store(key)).length
  await expect.poll(count).toBe(2)
  const inode = peer.datagrams.flatMap(({ inodes }) => inodes).at(-1)
  expect(`socket:[${inode}]`).toBe(listeningInode(again))
})

test('a new generation gives its own, and takes away what it does not use or calls otherwise', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({}, env())
  const server = await old.listen(local)
  const path = place.path('dropped.sock')
  await old.listen({ path })
  await old.handoff.ready()
  await peer.hears(store(`unix:${path}`))
  const from = peer.datagrams.length

  const next = await place.start({}, env())
  const { port } = whereIs(server) as { port: number }
  await next.listen({ host: '127.0.0.1', port })
  await next.handoff.ready()
  const named = store(`tcp:127.0.0.1:${port}`)
  expect(await peer.hears(named, from)).toEqual([
    toStart,
    // Of the old one, as it gives it up.
    remove(`unix:${path}`),
    `READY=1 MAINPID=${next.system.pid}`,
    remove(`unix:${path}`),
    remove(first),
    named,
  ])

  // The old one has no say any more.
  const after = peer.datagrams.length
  old.system.advance(5_000)
  await old.exit()
  await next.told('serving')
  expect(peer.told(after)).toEqual([])
})

test('who takes back says so, and gives everything again', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({}, env())
  await old.listen(local)
  await old.handoff.ready()
  const peerProcess = place.newPeer()
  await peerProcess.takeOver()
  await peer.hears(store(first))
  const from = peer.datagrams.length
  peerProcess.die()
  expect(await peer.hears(store(first), from)).toEqual([
    `READY=1 MAINPID=${old.system.pid}`,
    store(first),
  ])
})

test('what the new process did not want is free to be bound again by the old one', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({}, env())
  const where = { host: '127.0.0.1', port: await freePort() }
  const key = `tcp:127.0.0.1:${where.port}`
  await old.listen(local)
  const dropped = await old.listen(where)
  await old.handoff.ready()
  await peer.hears(store(key))
  const from = peer.datagrams.length

  const newPeer = place.newPeer()
  await newPeer.takeOver([first])
  newPeer.die()
  await old.told('taken-back')

  expect(old.all('warning')).toEqual([])
  expect(await ask(whereIs(dropped))).toBe(String(old.system.pid))
  expect(await peer.hears(store(key), from)).toEqual([
    remove(key),
    'BARRIER=1',
    `READY=1 MAINPID=${old.system.pid}`,
    store(first),
    store(key),
  ])
})

test('a service manager without barriers is not waited for for ever', async () => {
  const { place, peer, env } = watched()
  const silent = await place.start({}, env())
  await silent.listen(local)
  const where = { host: '127.0.0.1', port: await freePort() }
  const server = await silent.listen(where)
  await silent.handoff.ready()
  await peer.hears(store(`tcp:127.0.0.1:${where.port}`))
  peer.keepsBarriers = true
  peer.keepsAll = true
  server.close()
  const listening = silent.listen(where)
  await peer.hears('BARRIER=1')
  peer.keepsAll = false
  peer.drop(`tcp:127.0.0.1:${where.port}`)
  silent.system.advance(1_000)
  await listening
})

test('at another address nothing is waited for', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  const server = await process.listen(local)
  await process.handoff.ready()
  await peer.hears(store(first))
  server.close()
  await process.listen({ path: place.path('app.sock') })
  expect(peer.told()).not.toContain('BARRIER=1')
})

test('a stop is told, and takes nothing away: a restart finds its listeners again', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  await process.listen(local)
  await process.handoff.ready()
  await peer.hears(store(first))
  const from = peer.datagrams.length
  void process.handoff.stop()
  await process.exit()
  await peer.hears('STOPPING=1', from)
  expect(new Set(peer.told(from))).toEqual(new Set([toStop, 'STOPPING=1']))
})

test('an application that gives the handoff up has its listeners closed everywhere', async () => {
  const { place, peer, env } = watched()
  const process = await place.start({}, env())
  await process.listen(local)
  await process.handoff.ready()
  await peer.hears(store(first))
  process.handoff.release()
  await peer.hears(remove(first))
})

test('a restart is a reload, from its begin to the word of the new process', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({}, env())
  await old.listen(local)
  await old.handoff.ready()
  await peer.hears(store(first))
  const from = peer.datagrams.length
  old.system.advance(1_234.5)

  const restarted = old.handoff.restart()
  const joined = old.handoff.restart()
  const next = await place.start({}, env())
  await next.listen(local)
  await next.handoff.ready()
  await Promise.all([restarted, joined])

  expect(await peer.hears(store(first), from)).toEqual([
    'RELOADING=1',
    toStart,
    `READY=1 MAINPID=${next.system.pid}`,
    store(first),
  ])
  expect(peer.datagrams[from]?.fields).toMatchObject({ MONOTONIC_USEC: '1234500' })
})

test('a restart with a ramp is over at its end, and until then the old process is the main one', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({ rampMs: 3_000 }, env())
  const server = await old.listen(local)
  await old.handoff.ready()
  await peer.hears(store(first))
  const from = peer.datagrams.length
  const request = await old.inFlight(whereIs(server))
  const restarted = old.handoff.restart()
  const next = await place.start({ rampMs: 3_000 }, env())
  await next.listen(local)
  await next.handoff.ready()
  expect(await peer.hears(store(first), from)).toEqual(['RELOADING=1', toStart, store(first)])
  // Reports keep the ramp open as long as they are bad.
  next.system.loopDelay = { meanMs: 100, mostMs: 100 }
  next.system.advance(50)
  await turns(10)
  expect(old.handoff.metrics().stage).toBe('ramp')
  next.system.loopDelay = { meanMs: 0, mostMs: 0 }
  while (old.handoff.metrics().stage === 'ramp') {
    next.system.advance(50)
    await turns(10)
  }
  await restarted
  expect(await peer.hears(`READY=1 MAINPID=${next.system.pid}`, from)).not.toContain(
    `READY=1 MAINPID=${old.system.pid}`,
  )
  request.finish()
})

test('a restart that fails ends with READY=1 of this process, and its reason', async () => {
  const { place, peer, env } = watched()
  const old = await place.start({}, env())
  const server = await old.listen(local)
  await old.handoff.ready()
  await peer.hears(store(first))
  const from = peer.datagrams.length

  const restarted = old.handoff.restart()
  old.system.children[0]?.end({ code: 3 })
  await expect(restarted).rejects.toMatchObject({ code: 'ERR_HANDOFF_EXITED' })
  await peer.hears('READY=1', from)
  expect(peer.told(from)).toEqual(['RELOADING=1', 'READY=1'])
  expect(peer.datagrams.at(-1)?.fields.STATUS).toMatch(
    /^generation 1 serves on: cannot restart: .* ended with exit code 3/,
  )
  expect(await ask(whereIs(server))).toBe(String(old.system.pid))
})

test('SIGHUP of a service manager restarts; without one it is left to the terminal', async () => {
  const { place, env } = watched()
  const managed = await place.start({}, env())
  await managed.handoff.ready()
  expect(managed.system.signal('SIGHUP')).toBe(true)
  expect(managed.system.children).toHaveLength(1)

  const bare = openPlace()
  const alone = await bare.start()
  await alone.handoff.ready()
  expect(alone.system.signal('SIGHUP')).toBe(false)
  expect(alone.system.signal('SIGUSR2')).toBe(true)
})

test('the watchdog hears of whoever serves, twice in its time', async () => {
  const { place, peer, env } = watched()
  const time = { WATCHDOG_USEC: '10000000' }
  const old = await place.start({}, env({ ...time, WATCHDOG_PID: String(process.pid) }))
  await old.listen(local)
  const words = () => peer.told().filter((told) => told === 'WATCHDOG=1').length
  old.system.advance(60_000)
  await old.handoff.ready()
  await expect.poll(words).toBe(1)
  old.system.advance(20_000)
  await expect.poll(words).toBe(5)

  const restarted = old.handoff.restart()
  expect(old.system.children[0]?.env).toMatchObject(time)
  expect(old.system.children[0]?.env).not.toHaveProperty('WATCHDOG_PID')
  const next = await place.start({}, env(time))
  await next.listen(local)
  await next.handoff.ready()
  await restarted
  await expect.poll(words).toBe(6)
  old.system.advance(60_000)
  next.system.advance(5_000)
  await expect.poll(words).toBe(7)
})

test('a watchdog that waits for another process hears nothing', async () => {
  const { place, peer, env } = watched()
  const more = { WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' }
  const process = await place.start({}, env(more))
  await process.listen(local)
  await process.handoff.ready()
  process.system.advance(60_000)
  await peer.hears(store(first))
  expect(peer.told()).not.toContain('WATCHDOG=1')
})

test('where nobody is to be told, nothing is', async () => {
  const place = openPlace()
  const { generation } = await place.serve({}, local)
  const server = generation.own(http.createServer())
  await generation.handoff.listen(server, local)
  server.close()
  expect(generation.all('warning')).toEqual([])
})
