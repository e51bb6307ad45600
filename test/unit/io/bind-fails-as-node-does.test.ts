import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect as netConnect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectUnix } from '../../../packages/handoff/src/io/channel/unix-socket.ts'
import {
  bindTcp,
  bindUdp,
  bindUnix,
} from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { systemError } from '../../../packages/handoff/src/io/native/addon.ts'
import { describe as factsOf } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { hasIpv6 } from '../../support/has-ipv6.ts'
import { closeLater, scratchDirectory } from '../../support/scratch.ts'

/** All that a caller can see of an error, but where it was made. */
const seen = (error: unknown) => ({ ...(error as object), message: (error as Error).message })

function thrownBy(act: () => unknown): object {
  try {
    act()
  } catch (error) {
    return seen(error)
  }
  throw new Error('nothing was thrown')
}

async function nodeListenError(options: object): Promise<object> {
  const [error] = await once(createServer().listen(options), 'error', {}).catch((e) => [e])
  return seen(error)
}

const TAKEN = '203.0.113.7' // TEST-NET-3: nobody has it

test.each(['127.0.0.1', ...(hasIpv6 ? ['::1', '::'] : [])])('TCP %s in use', async (address) => {
  const fd = closeLater(bindTcp({ address, port: 0 }))
  const { port } = factsOf(fd)
  const error = thrownBy(() => bindTcp({ address, port }))
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address, port })
  expect(error).toEqual(await nodeListenError({ host: address, port }))
})

test.each([0, 8080])('an address that is not ours, port %i', async (port) => {
  const error = thrownBy(() => bindTcp({ address: TAKEN, port }))
  expect(error).toMatchObject({ code: 'EADDRNOTAVAIL' })
  expect(error).toEqual(await nodeListenError({ host: TAKEN, port }))
})

test('what is no literal address, or no port', () => {
  const refused = { code: 'EINVAL' }
  expect(thrownBy(() => bindTcp({ address: 'localhost', port: 0 }))).toMatchObject(refused)
  expect(thrownBy(() => bindTcp({ address: '', port: 0 }))).toMatchObject(refused)
  expect(thrownBy(() => bindTcp({ address: '127.0.0.1', port: 65_536 }))).toMatchObject(refused)
  expect(thrownBy(() => bindTcp({ address: '127.0.0.1', port: -1 }))).toMatchObject(refused)
  expect(thrownBy(() => bindTcp({ address: '::1%nowhere', port: 0 }))).toMatchObject(refused)
})

test('UDP in use', async () => {
  const address = '127.0.0.1'
  const { port } = factsOf(closeLater(bindUdp({ address, port: 0 })))
  const socket = closeLater(createSocket('udp4'))
  socket.bind(port, address)
  const [error] = await once(socket, 'error')
  expect(thrownBy(() => bindUdp({ address, port }))).toEqual(seen(error))
})

test('a Unix path where something is, which stays as it was', async () => {
  const directory = scratchDirectory()
  const file = join(directory, 'file')
  writeFileSync(file, 'precious')
  const live = join(directory, 'live.sock')
  closeLater(bindUnix({ path: live }))
  for (const path of [file, live, directory]) {
    const error = thrownBy(() => bindUnix({ path, mode: 0o600 }))
    expect(error).toMatchObject({ code: 'EADDRINUSE' })
    expect(error).toEqual(await nodeListenError({ path }))
  }
  expect(readFileSync(file, 'utf8')).toBe('precious')
  closeLater(connectUnix(live))
})

test('a Unix path in a directory that is not there', async () => {
  const path = join(scratchDirectory(), 'missing', 'x.sock')
  expect(thrownBy(() => bindUnix({ path }))).toEqual(await nodeListenError({ path }))
})

test('a Unix path that is too long, empty or broken by NUL', () => {
  expect(thrownBy(() => bindUnix({ path: `/${'x'.repeat(107)}` }))).toMatchObject({
    code: 'ENAMETOOLONG',
  })
  expect(thrownBy(() => bindUnix({ path: '' }))).toMatchObject({ code: 'EINVAL' })
  expect(thrownBy(() => bindUnix({ path: '/tmp/a\0b' }))).toMatchObject({ code: 'EINVAL' })
})

test('a connection to nobody', async () => {
  const path = join(scratchDirectory(), 'nobody.sock')
  const [error] = await once(netConnect(path), 'error').catch((e) => [e])
  expect(thrownBy(() => connectUnix(path))).toEqual(seen(error))
})

test('errors of files read as those of node:fs', () => {
  const path = join(scratchDirectory(), 'missing')
  const error = thrownBy(() => openSync(path, 'r'))
  expect(seen(systemError(-2, 'open', { path }))).toEqual(error)
})

test('errnos without a name in libuv still tell what they are', () => {
  const tooMany = process.platform === 'darwin' ? -59 : -109
  expect(seen(systemError(tooMany, 'sendmsg'))).toMatchObject({
    code: 'ETOOMANYREFS',
    message: 'sendmsg ETOOMANYREFS: too many descriptors in flight',
  })
  expect(seen(systemError(-4242, 'sendmsg'))).toMatchObject({ code: 'UNKNOWN', errno: -4242 })
})
