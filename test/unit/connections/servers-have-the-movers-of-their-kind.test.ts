// Which connections of a server can change process follows from what the server speaks.

import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type Server } from 'node:net'
import tls from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OptIns } from '../../../packages/handoff/src/connections/opt-ins.ts'
import { ServerConnections } from '../../../packages/handoff/src/connections/server-connections.ts'
import { FateCounter } from '../../../packages/handoff/src/connections/tracking/fate-counter.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'

function connectionsOf(server: Server, optIns = new OptIns(() => {})): ServerConnections {
  const connections = new ServerConnections(server, realSystem, optIns, {
    fates: new FateCounter(),
    onAccepted: () => {},
    onEmpty: () => {},
    onQuiescent: () => {},
    onWarning: () => {},
  })
  onTestFinished(() => connections.detach())
  return connections
}

const kinds: [string, () => Server, string[]][] = [
  ['HTTP', () => http.createServer(), ['http', 'websocket']],
  ['HTTPS', () => https.createServer(), []],
  ['HTTP/2 in clear', () => http2.createServer(), ['raw']],
  ['HTTP/2 over TLS', () => http2.createSecureServer(), []],
  ['TLS', () => tls.createServer(), []],
  ['a protocol of its own', () => net.createServer(), ['raw']],
]

describe.each(kinds)('a server of %s', (_, make, expected) => {
  test(`can move ${expected.join(' and ') || 'no'} connections`, () => {
    const { movers } = connectionsOf(make())
    expect(movers.map(({ kind }) => kind)).toEqual(expected)
  })

  test('has no connection and no parked one at its start', () => {
    const { count, movers } = connectionsOf(make())
    expect(count).toBe(0)
    for (const { parking } of movers) expect(parking?.size ?? 0).toBe(0)
  })
})

test('only HTTP/1.1 connections park', () => {
  const { movers } = connectionsOf(http.createServer())
  const parking = movers.filter((mover) => mover.parking !== undefined)
  expect(parking.map(({ kind }) => kind)).toEqual(['http'])
})

test('connections of a protocol of its own are taken once the application has opted in', () => {
  const server = net.createServer()
  const optIns = new OptIns(() => {})
  const [mover] = connectionsOf(server, optIns).movers
  expect(mover?.adopts).toBe(false)
  const undo = optIns.addConnections(server, { atRest: () => true })
  expect(mover?.adopts).toBe(true)
  undo()
  expect(mover?.adopts).toBe(false)
})

test.each([
  () => http.createServer(),
  () => https.createServer(),
  () => http2.createSecureServer(),
])('the application cannot opt in for a server that speaks HTTP', (make) => {
  const optIn = () => new OptIns(() => {}).addConnections(make(), { atRest: () => true })
  expect(optIn).toThrow(expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' }))
})
