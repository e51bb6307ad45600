// Every form of server.listen() leads to the same place as with Node alone.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net, { type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { readListenArguments } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { freePort } from '../../support/free-port.ts'

type Arguments = unknown[]

const directory = mkdtempSync(join(tmpdir(), 'listen-'))
afterAll(() => rmSync(directory, { recursive: true }))
const path = join(directory, 's')
const fixedPort = await freePort()
const callback = () => {}

async function listenWithNode(args: Arguments): Promise<Server> {
  const server = net.createServer()
  onTestFinished(() => void server.close())
  Reflect.apply(server.listen, server, args)
  if (!server.listening) await once(server, 'listening')
  return server
}

/** Where it listens; the number of a port that the kernel chose says nothing. */
function place(server: Server): unknown {
  const address = server.address() as AddressInfo | string
  if (typeof address === 'string') return address
  return { ...address, port: address.port === fixedPort ? fixedPort : 'any' }
}

/** What Node and what we make of the same arguments, in the words of Node. */
async function compare(args: Arguments): Promise<void> {
  const byNode = await listenWithNode([...args])
  const expected = place(byNode)
  byNode.close()
  await once(byNode, 'close')
  const call = readListenArguments([...args])
  const places = Object.keys(call?.options ?? {}).filter((key) => /^(fd|port|path)$/.test(key))
  expect(places, 'one place').toHaveLength(1)
  expect(place(await listenWithNode([call?.options]))).toEqual(expected)
  expect(call?.callback).toBe(args.includes(callback) ? callback : undefined)
}

const cases: Record<string, Arguments> = {
  'no argument': [],
  undefined: [undefined],
  null: [null],
  'a callback': [callback],
  'undefined and a callback': [undefined, callback],
  'null and a callback': [null, callback],
  'no port, but a host': [undefined, '127.0.0.1'],
  'null for a port, and a host': [null, '127.0.0.1'],
  'a port': [fixedPort],
  'a port as text': [String(fixedPort)],
  'a port in hexadecimal text': [`0x${fixedPort.toString(16)}`],
  'port 0': [0],
  'a port and a callback': [0, callback],
  'a port and a host': [0, '127.0.0.1'],
  'a port and an IPv6 host': [0, '::1'],
  'a port and a name': [0, 'localhost'],
  'a port, a host and a backlog': [0, '127.0.0.1', 5, callback],
  'a port and a backlog': [0, 5, callback],
  'a port, nothing and a callback': [0, undefined, undefined, callback],
  'a port, null and a callback': [0, null, callback],
  'options with a port': [{ port: fixedPort }, callback],
  'options with a port as text': [{ port: String(fixedPort) }],
  'options with a host': [{ port: 0, host: '127.0.0.1' }],
  'options with an empty host': [{ port: 0, host: '' }],
  'options with ipv6Only': [{ port: 0, host: '::', ipv6Only: true }],
  'options with an undefined port': [{ port: undefined }],
  'options with a null port': [{ port: null, host: '127.0.0.1' }],
  'a path': [path],
  'a path, a backlog and a callback': [path, 5, callback],
  'a path that begins with a digit': [`${directory}/../${directory.split('/').pop()}/1`],
  'options with a path': [{ path }],
  'options with a path and a host': [{ path, host: '127.0.0.1' }],
  'options with a port and a path': [{ port: 0, path }],
  'options with an undefined port and a path': [{ port: undefined, path }],
}

test.each(Object.entries(cases))('%s', async (_, args) => compare(args))

test('options with a descriptor, whatever else they say', async () => {
  const given = await listenWithNode([{ port: fixedPort, host: '127.0.0.1' }])
  const { fd } = (given as Server & { _handle: { fd: number } })._handle
  for (const options of [{ fd }, { fd, port: 0 }, { fd, path }]) {
    expect(readListenArguments([options])?.options.fd).toBe(fd)
    expect(readListenArguments([options, callback])?.callback).toBe(callback)
  }
})

test.each<[string, Arguments, number | undefined]>([
  ['of a port', [0, 5], 5],
  ['of a port and a host', [0, '127.0.0.1', 5], 5],
  ['of a path', [path, 5], 5],
  ['as text', [0, '127.0.0.1', '5'], 5],
  ['behind options', [{ port: 0 }, 5], 5],
  ['in options, which win', [{ port: 0, backlog: 6 }, 5], 6],
  ['that is not there', [0, '127.0.0.1', callback], undefined],
])('the backlog %s', (_, args, backlog) => {
  expect(readListenArguments(args)?.options.backlog).toBe(backlog)
})

test('the options of the caller stay as they are', () => {
  const options = { port: undefined, path }
  readListenArguments([options, 5])
  expect(options).toEqual({ port: undefined, path })
})

test.each<[string, object]>([
  ['inherited', Object.create({ port: 0, host: '127.0.0.1', backlog: 5, ipv6Only: true })],
  [
    'getters of a class',
    new (class {
      get port() {
        return 0
      }
      get host() {
        return '127.0.0.1'
      }
      get backlog() {
        return 5
      }
      get ipv6Only() {
        return true
      }
    })(),
  ],
])('options that are %s count', (_, options) => {
  const expected = { port: 0, host: '127.0.0.1', backlog: 5, ipv6Only: true }
  expect(readListenArguments([options])?.options).toEqual(expected)
})

test.each<[string, Arguments]>([
  ['a port below 0', [-1]],
  ['a port above 65535', [65_536]],
  ['a port above 65535 as text', ['70000']],
  ['a broken number', [1.5]],
  ['a broken number as text', ['1.5']],
  ['NaN', [Number.NaN]],
  ['empty text', ['']],
  ['a blank', [' ']],
  ['true', [true]],
  ['a bigint', [10n]],
  ['empty options', [{}]],
  ['options without a place', [{ host: '127.0.0.1' }]],
  ['options with an empty path', [{ path: '' }]],
  ['options with a path that is a number', [{ path: '123' }]],
  ['options with a path of another kind', [{ path: 5 }]],
  ['options with a port below 0', [{ port: -1 }]],
  ['options with an empty port', [{ port: '' }]],
  ['options with a port of another kind', [{ port: true }]],
  ['options with a descriptor below 0', [{ fd: -1 }]],
])('%s is left to Node, which refuses it', (_, args) => {
  expect(() => Reflect.apply(net.Server.prototype.listen, net.createServer(), args)).toThrow()
  expect(readListenArguments(args)).toBeUndefined()
})

test('a handle is left to Node', async () => {
  const given = await listenWithNode([0])
  const { _handle } = given as Server & { _handle: object }
  for (const args of [[given], [{ _handle }], [{ handle: _handle }]]) {
    expect(readListenArguments(args)).toBeUndefined()
  }
})
