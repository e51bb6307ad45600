// A program closes a server and listens at the same place again: nothing of the old process is lost.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type http from 'node:http'
import { expect, describe as group, test } from 'vitest'
import {
  bindTcp,
  reserveTcp,
  stopListening,
} from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import {
  inheritedVariable,
  reservedVariable,
} from '../../../packages/handoff/src/io/listeners/inherited-variables.ts'
import { KeptPaths } from '../../../packages/handoff/src/io/listeners/kept-paths.ts'
import { Listeners } from '../../../packages/handoff/src/io/listeners/listeners.ts'
import { describe, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import type { ListenOptions } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { requestOf } from '../../../packages/handoff/src/protocol/manifest.ts'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { freePort } from '../../support/free-port.ts'
import { ask, whereIs } from '../support/clients.ts'
import { inDrain } from '../support/committed.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'
import { descriptorOfListener, inodeOf, listeningInode } from '../support/sockets.ts'

const host = '127.0.0.1'

const closing = (server: http.Server) => new Promise((resolve) => server.close(resolve))

/** Listens, closes and listens again, by each of these forms of the place. */
async function listenAgain(generation: Generation, ...forms: ListenOptions[]) {
  for (const form of forms.slice(0, -1)) await closing(await generation.listen(form))
  return await generation.listen(forms.at(-1) as ListenOptions)
}

group('before the commit it gets the listener of the old process again', () => {
  const forms: [string, (place: Place, port: number) => ListenOptions[]][] = [
    ['at its address', (_, port) => [{ host, port }]],
    ['at every address', (_, port) => [{ port }, { port, host: '::' }, { port }]],
    ['at a path', (place) => [{ path: place.path('s') }]],
  ]
  test.each(forms)('%s', async (_, formsOf) => {
    const place = openPlace()
    const [form, ...others] = formsOf(place, await freePort())
    const first = form as ListenOptions
    const { generation: old, server } = await place.serve({}, first)
    const inode = listeningInode(server)
    const next = await place.start()
    const again = await listenAgain(next, first, ...others, first, first)
    expect(await ask(whereIs(server)), 'the old process serves').toBe(String(old.system.pid))
    await next.handoff.ready()
    expect(listeningInode(again)).toBe(inode)
    expect(await ask(whereIs(again))).toBe(String(next.system.pid))
    expect(next.all('warning')).toEqual([])
  })

  test('a datagram socket', async () => {
    const place = openPlace()
    const where = { port: await freePort(), address: host }
    const bind = async (generation: Generation) => {
      const socket = generation.ownDatagram(dgram.createSocket('udp4'))
      socket.on('message', (_, from) => socket.send(`${generation.system.pid}`, from.port, host))
      await generation.handoff.bind(socket, where)
      return socket
    }
    const old = await place.start()
    await bind(old)
    await old.handoff.ready()
    const next = await place.start()
    const probe = await bind(next)
    probe.close()
    await once(probe, 'close')
    await bind(next)
    await next.handoff.ready()
    await old.told('drained')
    const client = next.ownDatagram(dgram.createSocket('udp4').bind(0, host))
    await once(client, 'listening')
    client.send('who', where.port, host)
    const [answer] = await once(client, 'message')
    expect(`${answer}`).toBe(String(next.system.pid))
  })

  test('what it does not ask for again is closed when it is ready', async () => {
    const place = openPlace()
    const port = await freePort()
    const { server } = await place.serve({}, { host, port }, { host, port: await freePort() })
    const other = { host, port: await freePort() }
    const next = await place.start()
    await closing(await next.listen({ host, port }))
    await next.listen(other)
    expect(next.handoff.unclaimed.map(({ port }) => port)).toContain(port)
    await next.handoff.ready()
    expect(next.all('warning').map(({ message }) => message)).toContain(
      `tcp:${host}:${port} is no longer listened on: nothing here asked for it`,
    )
    await expect(ask(whereIs(server))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

test('a listener that was kept for a crash: clients that wait in its queue are answered', async () => {
  const place = openPlace()
  const fd = bindTcp({ address: host, port: 0 })
  const { port } = describe(fd)
  const inode = inodeOf(fd)
  const key = `tcp:${host}:${port}`
  const next = await place.start({}, { [inheritedVariable]: `${fd}=${storeNameOf(key)}` })
  await closing(await next.listen({ host, port }))
  const waiting = ask({ host, port })
  const server = await next.listen({ host, port })
  expect(await waiting).toBe(String(next.system.pid))
  await next.handoff.ready()
  expect(listeningInode(server)).toBe(inode)
})

group('a worker at the place of another one', () => {
  const second = async () => {
    const place = openPlace()
    const port = await freePort()
    const { generation: first, server } = await place.serve({}, { host, port })
    const fd = reserveTcp(descriptorOfListener(server))
    const env = { [reservedVariable]: `${fd}=${storeNameOf(`tcp:${host}:${port}`)}` }
    const worker = await place.start({ rendezvousPath: place.path('second.sock') }, env)
    return { worker, first, server, port }
  }

  test('before it serves', async () => {
    const { worker, port } = await second()
    await listenAgain(worker, { host, port }, { host, port }, { host, port })
    await worker.handoff.ready()
  })

  test('while it serves; and the other one, whose place is shared since then', async () => {
    const { worker, first, server, port } = await second()
    const own = await worker.listen({ host, port })
    await worker.handoff.ready()
    await closing(own)
    await worker.listen({ host, port })
    await closing(server)
    expect(await ask({ host, port })).toBe(String(worker.system.pid))
    await first.listen({ host, port })
  })
})

const refused = { code: expect.stringMatching(/ECONNREFUSED|ENOENT/) }

group('while the old process can still take back', () => {
  const kinds: [string, (place: Place, port: number) => ListenOptions][] = [
    ['TCP', (_, port) => ({ host, port })],
    ['every address', (_, port) => ({ port })],
    ['Unix', (place) => ({ path: place.path('s') })],
  ]
  const begin = async (formOf: (typeof kinds)[number][1]) => {
    const place = openPlace()
    const where = formOf(place, await freePort())
    const { generation: old, server: first } = await place.serve({}, where)
    const { generation: next, server } = await place.serve({}, where)
    await old.reaches('drain')
    return { place, old, next, where, server, first, inode: listeningInode(server) }
  }

  test.each(kinds)('it is refused at once, and listens there again: %s', async (_, formOf) => {
    const { next, where, server, inode } = await begin(formOf)
    const address = whereIs(server)
    await closing(server)
    await expect(ask(address)).rejects.toMatchObject(refused)
    expect(next.handoff.metrics().listeners).toEqual([])

    const again = await next.listen(where)
    if (where.path !== undefined) expect(listeningInode(again)).toBe(inode)
    expect(await ask(address)).toBe(String(next.system.pid))
    await closing(again)
    await expect(ask(address)).rejects.toMatchObject(refused)
    expect(await ask(whereIs(await next.listen(where)))).toBe(String(next.system.pid))
  })

  test('the old process takes back what was closed there', async () => {
    const { place, old, server, peer } = await inDrain()
    const fd = peer.descriptors.find((candidate) => describe(candidate).family === 'inet') as number
    expect(stopListening(fd)).toBe(true)
    await expect(ask(whereIs(server))).rejects.toMatchObject(refused)
    peer.die()
    await old.told('taken-back')
    expect(await ask(whereIs(server))).toBe(String(old.system.pid))
    expect(old.all('warning')).toEqual([])
    expect(place.files).toEqual(['rendezvous.sock'])
  })

  group('the old process takes back the path that was removed there', () => {
    /** The program of the new process closes its server; `kept`: and knows where paths are kept. */
    const vacated = async (kept: boolean) => {
      const place = openPlace()
      const path = place.path('s')
      const { generation: old, server } = await place.serve({}, { path })
      const inode = listeningInode(server)
      const peer = place.newPeer()
      await peer.takeOver()
      await old.told('drained')
      const there = new Listeners(new KeptPaths(() => (kept ? place.directory : undefined)))
      const entry = peer.manifest?.listeners.find(
        (each) => each.protocol === 'unix' && each.address === path,
      )
      if (entry === undefined) throw new Error('the manifest does not name the path')
      there.receive(entry, dup(peer.descriptorOf(entry.key)))
      there.commit()
      there.vacate(there.claim(requestOf(entry), {}))
      there.closeVacated()
      await expect(ask({ path })).rejects.toMatchObject(refused)
      return { old, server, path, inode, peer }
    }

    test('by the same listener', async () => {
      const { old, server, path, inode, peer } = await vacated(false)
      peer.die()
      await old.told('taken-back')
      expect(await ask({ path })).toBe(String(old.system.pid))
      expect(listeningInode(server)).toBe(inode)
      expect(old.all('warning')).toEqual([])
    })

    test('by another one, if nothing leads to that any more', async () => {
      const { old, server, path, inode, peer } = await vacated(true)
      peer.die()
      await old.told('taken-back')
      expect(await ask({ path })).toBe(String(old.system.pid))
      expect(listeningInode(server)).not.toBe(inode)
      expect(old.all('warning')).toEqual([])
    })

    test('and leaves what is there by now', async () => {
      const { old, path, peer } = await vacated(false)
      writeFileSync(path, 'precious')
      peer.die()
      await old.told('taken-back')
      expect(readFileSync(path, 'utf8')).toBe('precious')
    })

    test('but not one that its own program had removed before', async () => {
      const place = openPlace()
      const path = place.path('s')
      const old = place.generation()
      let holdsBack = (_: string) => true
      Object.assign(old.system, {
        guardPaths: (decide: typeof holdsBack) => {
          holdsBack = decide
        },
      })
      await old.handoff.start()
      await old.listen({ path })
      await old.handoff.ready()
      expect(holdsBack(path)).toBe(false)
      rmSync(path)
      const peer = place.newPeer()
      await peer.takeOver()
      await old.told('drained')
      peer.die()
      await old.told('taken-back')
      expect(existsSync(path)).toBe(false)
      expect(old.all('warning')).toEqual([])
    })
  })

  test.each(kinds)(
    'what it does not listen on again is free when the old one has gone: %s',
    async (_, formOf) => {
      const { old, next, where, server } = await begin(formOf)
      await closing(server)
      old.system.advance(10_000)
      await old.exit()
      const again = await next.listen(where)
      expect(await ask(whereIs(again))).toBe(String(next.system.pid))
    },
  )
})
