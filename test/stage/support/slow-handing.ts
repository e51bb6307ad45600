// Two servers in one process: connections go from one to the other while both accept.

import { once } from 'node:events'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { OptIns } from '../../../packages/handoff/src/connections/opt-ins.ts'
import { ServerConnections } from '../../../packages/handoff/src/connections/server-connections.ts'
import { FateCounter } from '../../../packages/handoff/src/connections/tracking/fate-counter.ts'
import type { Holdings } from '../../../packages/handoff/src/generation/holdings.ts'
import { dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { realSystem } from '../../../packages/handoff/src/io/system/system.ts'
import { HandOver } from '../../../packages/handoff/src/old/drain/hand-over.ts'
import { SlowStart } from '../../../packages/handoff/src/old/drain/slow-start.ts'
import type { Messages } from '../../../packages/handoff/src/protocol/messages.ts'
import type { Peer } from '../../../packages/handoff/src/talk/peer.ts'
import { until } from '../../support/until.ts'

const key = 'tcp:*:80'

/** A connection that was used 200 ms ago is busy: a test can wait for longer than that. */
class ShortSlowStart extends SlowStart {
  override readonly busyMs = 200
}

/** One of the two: a server that accepts, and its connections. */
class Side {
  readonly connections: ServerConnections
  readonly server: Server
  /** Called when a connection may be at rest. */
  onQuiescent = () => {}

  constructor(server: Server, optIn: (optIns: OptIns) => void) {
    const optIns = new OptIns(() => {})
    this.server = server
    this.connections = new ServerConnections(server, realSystem, optIns, {
      fates: new FateCounter(),
      onAccepted: () => {},
      onEmpty: () => {},
      onQuiescent: () => this.onQuiescent(),
      onWarning: () => {},
    })
    optIn(optIns)
    onTestFinished(() => {
      this.connections.detach()
      this.connections.forceClose()
      server.close()
    })
  }

  get gate() {
    return { held: { entry: { key, protocol: 'tcp' } }, connections: this.connections }
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }
}

export interface SlowHanding {
  hand: HandOver
  pace: SlowStart
  old: Side
  next: Side
  /** How many connections were handed over. */
  gone(): number
}

/** @param make - makes the server of a side, and lets its connections move. */
export async function slowHanding(
  make: (name: 'old' | 'new') => { server: Server; optIn?: (optIns: OptIns) => void },
): Promise<SlowHanding> {
  const [old, next] = (['old', 'new'] as const).map((name) => {
    const { server, optIn = () => {} } = make(name)
    return new Side(server, optIn)
  }) as [Side, Side]
  for (const { server } of [old, next]) await once(server.listen(0, '127.0.0.1'), 'listening')
  let gone = 0
  const sendBatch = async ({ kind, items }: Messages['connections'], fds: Int32Array) => {
    const mover = next.connections.movers.find((one) => one.kind === kind)
    const arriving = Array.from(fds, (fd, at) => ({ fd: dup(fd), item: items[at] }))
    await new Promise(setImmediate)
    gone += fds.length
    hand.noteAdopted({ received: gone })
    mover?.adopt(arriving)
  }
  const peer = { sendBatch, takePositions: () => undefined } as unknown as Peer<'old'>
  const holdings = { gates: new Set([old.gate]), fates: { add: () => {} } } as unknown as Holdings
  const takes = { [key]: ['http', 'websocket', 'raw'] }
  const hand = new HandOver(peer, holdings, takes, {
    onChange: () => {},
    onRest: () => {},
    onError: (error) => {
      throw error
    },
  })
  old.onQuiescent = hand.recheck
  onTestFinished(() => {
    hand.stop()
    hand.release()
  })
  return { hand, pace: new ShortSlowStart(), old, next, gone: () => gone }
}

/** Waits until no more connections go over without the pace. */
export async function settled({ hand }: SlowHanding): Promise<void> {
  await until('nothing is in flight', () => hand.pending === 0)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

/** A client of either side that says a word and gets an answer. */
export async function connectTo({ port }: Side): Promise<Socket> {
  const socket = net.connect({ host: '127.0.0.1', port })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends a question, and returns which side answers. */
export async function askOn(socket: Socket, question: string): Promise<string> {
  socket.write(question)
  let text = ''
  while (!/(old|new)$/.test(text)) text += String((await once(socket, 'data'))[0])
  return text.slice(-3)
}
