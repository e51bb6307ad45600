import { once } from 'node:events'
import { existsSync, fstatSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectUnix } from '../../../packages/handoff/src/io/channel/unix-socket.ts'
import {
  bindTcp,
  bindUdp,
  bindUnix,
} from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import {
  close,
  type DescriptorFacts,
  dup,
  describe as factsOf,
  socketPair,
} from '../../../packages/handoff/src/io/native/descriptors.ts'
import { hasIpv6 } from '../../support/has-ipv6.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { closeLater, inode, openFiles, scratchDirectory } from '../../support/scratch.ts'

const tcp: Partial<DescriptorFacts> = {
  family: 'inet',
  type: 'stream',
  protocol: 6,
  listening: true,
  ipv6Only: false,
  reusePort: false,
  path: '',
}

const udp = { type: 'dgram', protocol: 17, listening: false } as const

/** Resolves with whether a client gets through to a listener on this port. */
async function reaches(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  onTestFinished(() => void socket.destroy())
  return once(socket, 'connect').then(
    () => true,
    () => false,
  )
}

test('TCP v4', async () => {
  const fd = closeLater(bindTcp({ address: '127.0.0.1', port: 0 }))
  const facts = factsOf(fd)
  expect(facts).toMatchObject({ ...tcp, address: '127.0.0.1' })
  expect(await reaches('127.0.0.1', facts.port)).toBe(true)
})

test.runIf(hasIpv6)('TCP v6 is dual stack unless asked not to be', async () => {
  const dual = factsOf(closeLater(bindTcp({ address: '::', port: 0 })))
  expect(dual).toMatchObject({ ...tcp, family: 'inet6', address: '::' })
  expect(await reaches('127.0.0.1', dual.port)).toBe(true)
  expect(await reaches('::1', dual.port)).toBe(true)

  const only = factsOf(closeLater(bindTcp({ address: '::', port: 0, ipv6Only: true })))
  expect(only).toMatchObject({ ...tcp, family: 'inet6', ipv6Only: true })
  expect(await reaches('127.0.0.1', only.port)).toBe(false)
  expect(await reaches('::1', only.port)).toBe(true)
})

const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses.filter((a) => a.scopeid).map((a) => `${a.address}%${name}`),
)[0]

test.runIf(linkLocal)('TCP v6 with a scope keeps it', () => {
  const address = linkLocal ?? ''
  expect(factsOf(closeLater(bindTcp({ address, port: 0 })))).toMatchObject({ address })
})

test.runIf(hasIpv6)('v4 and v6-only live side by side on one port', () => {
  const { port } = factsOf(closeLater(bindTcp({ address: '0.0.0.0', port: 0 })))
  closeLater(bindTcp({ address: '::', port, ipv6Only: true }))
})

test('a port can be bound again at once after it served', async () => {
  const fd = bindTcp({ address: '127.0.0.1', port: 0 })
  const { port } = factsOf(fd)
  const server = createServer((socket) => socket.end()).listen({ fd })
  const socket = connect(port, '127.0.0.1')
  await once(socket.resume(), 'close') // the server closed first: its side is in TIME_WAIT
  server.close()
  await once(server, 'close')
  closeLater(bindTcp({ address: '127.0.0.1', port }))
})

test('SO_REUSEPORT lets several hold one address, if all ask for it', () => {
  const address = '127.0.0.1'
  for (const bind of [bindTcp, bindUdp]) {
    const facts = factsOf(closeLater(bind({ address, port: 0, reusePort: true })))
    expect(facts.reusePort).toBe(true)
    const { port } = facts
    closeLater(bind({ address, port, reusePort: true }))
    expect(() => bind({ address, port })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
  }
})

test('UDP v4', () => {
  expect(factsOf(closeLater(bindUdp({ address: '127.0.0.1', port: 0 })))).toMatchObject({
    ...udp,
    family: 'inet',
  })
})

test.runIf(hasIpv6)('UDP v6 is dual stack too', () => {
  expect(factsOf(closeLater(bindUdp({ address: '::', port: 0 })))).toMatchObject({
    ...udp,
    family: 'inet6',
    ipv6Only: false,
  })
  const address = '::'
  expect(factsOf(closeLater(bindUdp({ address, port: 0, ipv6Only: true }))).ipv6Only).toBe(true)
})

test.each([0o600, 0o660, 0o666, 0o777])('a Unix path gets mode %o whatever the umask', (mode) => {
  const path = join(scratchDirectory(), 'x.sock')
  const umask = process.umask(0o027)
  onTestFinished(() => void process.umask(umask))
  const fd = closeLater(bindUnix({ path, mode }))
  expect(statSync(path).mode & 0o777).toBe(mode)
  expect(factsOf(fd)).toMatchObject({
    family: 'unix',
    type: 'stream',
    listening: true,
    path,
    address: '',
    port: 0,
  })
})

test('a Unix path without a mode gets the one that Node gives', () => {
  const path = join(scratchDirectory(), 'x.sock')
  closeLater(bindUnix({ path }))
  expect(statSync(path).mode & 0o777).toBe(0o777 & ~process.umask())
})

test('the longest Unix path', () => {
  const directory = scratchDirectory()
  const path = join(directory, 'x'.repeat(107 - directory.length - 1))
  expect(factsOf(closeLater(bindUnix({ path }))).path).toBe(path)
  closeLater(connectUnix(path))
})

test.runIf(process.platform === 'linux').each(['@', '\0'])('an abstract name after %j', (mark) => {
  const name = `handoff-test-${process.pid}-${mark.codePointAt(0)}`
  const fd = closeLater(bindUnix({ path: `${mark}${name}`, mode: 0o600 }))
  expect(factsOf(fd).path).toBe(`@${name}`)
  closeLater(connectUnix(`@${name}`))
  closeLater(connectUnix(`\0${name}`))
  expect(existsSync(`@${name}`)).toBe(false)
})

test('dup refers to the same socket, and close to one number only', () => {
  const fd = bindTcp({ address: '127.0.0.1', port: 0 })
  const copy = closeLater(dup(fd))
  expect(copy).toBeGreaterThan(2)
  expect(inode(copy)).toBe(inode(fd))
  close(fd)
  expect(factsOf(copy).listening).toBe(true)
  for (const act of [close, dup, factsOf]) {
    expect(() => act(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(() => act(undefined as unknown as number)).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    )
  }
})

test('pairs and what is no socket are told apart', () => {
  for (const type of ['stream', 'dgram'] as const) {
    for (const fd of socketPair(type)) {
      closeLater(fd)
      expect(factsOf(fd)).toMatchObject({ family: 'unix', type, listening: false, path: '' })
      expect(fstatSync(fd).isSocket()).toBe(true)
    }
  }
  const [file = -1] = openFiles(1)
  expect(factsOf(file)).toMatchObject({ family: 'other', type: 'other', listening: false })
})

test.runIf(hasProc)('a failed bind leaves nothing open and no path behind', () => {
  const path = join(scratchDirectory(), 'x.sock')
  const { port } = factsOf(closeLater(bindTcp({ address: '127.0.0.1', port: 0 })))
  const before = descriptors(process.pid).length
  for (let i = 0; i < 50; i++) {
    expect(() => bindTcp({ address: '127.0.0.1', port })).toThrow()
    expect(() => bindUnix({ path: `${path}/no` })).toThrow()
    expect(() => connectUnix(path)).toThrow()
  }
  expect(descriptors(process.pid).length).toBe(before)
  expect(existsSync(path)).toBe(false)
})
