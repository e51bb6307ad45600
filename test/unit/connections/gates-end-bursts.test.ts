// A gate that is shut in the middle of a burst accepts no more: the clients in the queue are another
// process's.

import net, { type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Gate } from '../../../packages/handoff/src/connections/gate/gate.ts'
import { ServerGate } from '../../../packages/handoff/src/connections/gate/server-gate.ts'
import { OptIns } from '../../../packages/handoff/src/connections/opt-ins.ts'
import { FateCounter } from '../../../packages/handoff/src/connections/tracking/fate-counter.ts'
import { listenOnDescriptor } from '../../../packages/handoff/src/io/hooks/listen-hook.ts'
import { bindTcp } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import {
  type HeldListener,
  heldFromBound,
} from '../../../packages/handoff/src/io/listeners/held-listener.ts'
import { close, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import { connectWaiting, TurnCounter } from '../../support/waiting-clients.ts'

/** A clock that stands still: bursts end by their size. */
const system = { ...realSystem, now: () => 0 }

function bind(): HeldListener {
  const fd = bindTcp({ address: '127.0.0.1', port: 0, backlog: 511 })
  onTestFinished(() => close(fd))
  const request = {
    protocol: 'tcp',
    address: '127.0.0.1',
    port: 0,
    ipv6Only: false,
    name: '',
  } as const
  return heldFromBound(fd, 'tcp:127.0.0.1:0', request, {})
}

function gateOf(server: Server): ServerGate {
  const gate = new ServerGate(server, 511, system, new OptIns(() => {}), {
    fates: new FateCounter(),
    onClose: () => {},
    onEmpty: () => {},
    onQuiescent: () => {},
    onWarning: () => {},
  })
  onTestFinished(() => {
    server.close()
    gate.connections.detach()
  })
  return gate
}

/** Counts the connections of a server, and the turns in which they come. */
function counting(server: Server) {
  const turns = new TurnCounter()
  onTestFinished(() => void turns.end())
  const counts = { connections: 0, turns: () => turns.end(), reached: (_count: number) => {} }
  server.on('connection', (socket: Socket) => {
    socket.destroy()
    turns.mark()
    counts.reached(++counts.connections)
  })
  const reaches = (count: number) =>
    new Promise<void>((resolve) => {
      counts.reached = (reached) => reached === count && resolve()
    })
  return { counts, reaches }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

const gates: [string, (held: HeldListener) => Promise<{ server: Server; gate: Gate }>][] = [
  [
    'of a server',
    async (held) => {
      const server = net.createServer()
      const gate = gateOf(server)
      await gate.listen(held, true)
      return { server, gate }
    },
  ],
  [
    'of the second listener of a server',
    async (held) => {
      const server = net.createServer()
      const first = gateOf(server)
      await first.listen(bind(), true)
      const gate = first.join(held)
      await gate.open()
      onTestFinished(() => gate.shut())
      return { server, gate }
    },
  ],
]

test.each(gates)('a gate %s accepts a queue in few turns, again after a shut', async (_, make) => {
  const held = bind()
  const { server, gate } = await make(held)
  const { port } = held.entry
  const first = counting(server)
  connectWaiting(port, 50)
  await first.reaches(50)
  expect(first.counts.turns()).toBeLessThanOrEqual(7)
  gate.shut()
  await gate.open()
  const second = counting(server)
  connectWaiting(port, 50)
  await second.reaches(50)
  expect(second.counts.turns()).toBeLessThanOrEqual(7)
})

test.each(gates)('a gate %s that is shut in a burst accepts no more', async (_, make) => {
  const held = bind()
  const { server, gate } = await make(held)
  const { counts } = counting(server)
  counts.reached = (count) => count === 3 && gate.shut()
  connectWaiting(held.entry.port, 30)
  for (let i = 0; i < 50; i++) await turn()
  expect(counts.connections).toBe(3)

  const other = net.createServer()
  onTestFinished(() => void other.close())
  const { counts: rest, reaches } = counting(other)
  listenOnDescriptor(other, dup(held.fd), 511)
  await reaches(27)
  for (let i = 0; i < 5; i++) await turn()
  expect([counts.connections, rest.connections]).toEqual([3, 27])
})

test('a gate that does not accept yet accepts nothing in bursts either', async () => {
  const held = bind()
  const server = net.createServer()
  const gate = gateOf(server)
  await gate.listen(held, false)
  const { counts, reaches } = counting(server)
  connectWaiting(held.entry.port, 30)
  for (let i = 0; i < 5; i++) await turn()
  expect(counts.connections).toBe(0)
  const all = reaches(30)
  await gate.open()
  await all
  expect(counts.turns()).toBeLessThanOrEqual(5)
})
