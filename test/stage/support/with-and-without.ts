// The same clients meet a server that is replaced under them, and one that is not.

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MovableKind } from '../../../packages/handoff/src/connections/kinds.ts'
import { until } from '../../support/until.ts'
import { onPausedParser } from './paused-parser.ts'
import type { NewPeer } from './peers.ts'
import { type Generation, type Place, withPlace } from './place.ts'
import { expectedOf, type Outcome, type Streams, withoutResets } from './resets.ts'
import {
  clearLine,
  type Handoffs,
  type Line,
  type Lines,
  ScriptedClient,
} from './scripted-client.ts'
import { turns } from './scripted-server.ts'
import { type ScriptedHandoff, scriptedHandoff } from './scripts.ts'
import { wholeChunks } from './whole-chunks.ts'

const { HANDOFF_PROPERTY_RUNS, HANDOFF_PROPERTY_REPLAY } = process.env

/** What a failure prints: `{"seed":1,"path":"2:1"}`. */
const replay = JSON.parse(HANDOFF_PROPERTY_REPLAY ?? '{}') as { seed?: number; path?: string }

const runs = Number(HANDOFF_PROPERTY_RUNS ?? 60)

/** Of a whole property: each run has a part of it. */
const timeoutMs = 60_000 + runs * 1_000

/** Of one run, which takes less than a second. If it hangs, its script is reported. */
const runTimeoutMs = 40_000

/** What clients speak, and the server for it. */
export interface Service<L extends Lines = Lines> {
  kind: MovableKind
  /**
   * @param onRequest - told of each request that is executed.
   * @param generation - the process that it is in, if there are handoffs.
   */
  make(onRequest: (id: string) => void, generation?: Generation): Server
  /** Opens the connection of a client; without it, one in clear text. */
  connect?(port: number, lines: L): Line
}

/** All that a client hears has one order. */
const oneStream: Streams = (all) => ({ all })

/** How one handoff follows the other. */
interface Sequence {
  /** A handoff begins while the one before still drains. */
  overlap: boolean
  /** Both processes accept for a while. */
  ramp: boolean
}

/**
 * Tests that random clients get the same with and without random handoffs.
 *
 * @param client - one to three of them are there at the same time.
 * @param streamsOf - splits what a client heard, if parts of it may come in another order.
 */
export function testClients<L extends Lines>(
  service: Service<L>,
  client: fc.Arbitrary<L>,
  streamsOf: Streams = oneStream,
): void {
  test.each<[string, Partial<Sequence>]>([
    ['every byte is as it is without a handoff, and nothing is executed twice', {}],
    ['the same holds if a handoff begins while the one before still drains', { overlap: true }],
    ['the same holds if both processes accept for a while', { ramp: true }],
  ])(
    '%s',
    async (_, sequence) => {
      const all = { overlap: false, ramp: false, ...sequence }
      await compare(service, client, all, streamsOf)
    },
    timeoutMs,
  )
}

async function compare<L extends Lines>(
  service: Service<L>,
  client: fc.Arbitrary<L>,
  sequence: Sequence,
  streamsOf: Streams,
): Promise<void> {
  const clients = fc.array(client, { minLength: 1, maxLength: 3 })
  const isLate = timeLimit()
  const handoffs = fc.array(scriptedHandoff, { minLength: 1, maxLength: 3 })
  // One that hangs is not interrupted: nothing runs beside it, so that it is the one that is reported.
  let isRunning = false
  await fc.assert(
    fc.asyncProperty(clients, handoffs, async (lines, planned) => {
      if (isRunning || isLate()) return
      isRunning = true
      try {
        await compareOnce(service, lines, planned, sequence, streamsOf)
      } finally {
        isRunning = false
      }
    }),
    { numRuns: runs, timeout: runTimeoutMs, ...replay },
  )
}

async function compareOnce<L extends Lines>(
  service: Service<L>,
  lines: L[],
  planned: ScriptedHandoff[],
  sequence: Sequence,
  streamsOf: Streams,
): Promise<void> {
  let isNodesFault = false
  const make: Service['make'] = (...args) => {
    const server = service.make(...args)
    onPausedParser(server, () => {
      isNodesFault = true
    })
    return server
  }
  const observed = { ...service, make }
  const whole = await without(observed, withoutResets(lines))
  const outcome = await withHandoffs(observed, lines, planned, sequence)
  if (isNodesFault) return
  expect({ ...outcome, heard: outcome.heard.map(streamsOf) }).toEqual(
    expectedOf(lines, whole, outcome, streamsOf),
  )
}

/**
 * On a busy machine fewer runs will do. Each ends before the next: what interrupts one from outside
 * would leave its sockets to the test after.
 */
function timeLimit(): () => boolean {
  const ends = performance.now() + (HANDOFF_PROPERTY_RUNS === undefined ? 8_000 : 3_600_000)
  return () => performance.now() > ends
}

async function without<L extends Lines>(service: Service<L>, lines: L[]): Promise<Outcome> {
  const executed: string[] = []
  const server = service.make((id) => executed.push(id))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // Nobody waits for one.
  let commits = 0
  const handoffs = { commits: () => commits++, over: Promise.resolve() }
  try {
    const heard = await play(service, portOf(server), lines, handoffs)
    return { heard: heard.map(wholeChunks), executed: executed.sort() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function withHandoffs<L extends Lines>(
  service: Service<L>,
  lines: L[],
  planned: ScriptedHandoff[],
  { overlap, ramp }: Sequence,
): Promise<Outcome> {
  const executed: string[] = []
  const serve = async (place: Place) => {
    const generation = await place.start({ rampMs: ramp ? 3_000 : 0 })
    const server = generation.own(service.make((id) => executed.push(id), generation))
    await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
    await generation.handoff.ready()
    return { generation, port: portOf(server) }
  }
  const heard = await withPlace(async (place) => {
    let { generation, port } = await serve(place)
    const generations = [generation]
    const over = (async () => {
      for (const { wait, dies, acks } of planned) {
        await turns(wait)
        if (dies !== undefined) {
          await fail(place, generation, service.kind, { turnsToLive: dies, acks, ramp })
          continue
        }
        const from = generation.events.length
        const next = await serve(place)
        if (ramp) await endRamp(generation, next.generation)
        if (!overlap) await drained(generation, from)
        generation = next.generation
        generations.push(generation)
      }
    })()
    const commits = () => generations.reduce((sum, each) => sum + commitsOf(each), 0)
    const [heard] = await Promise.all([play(service, port, lines, { commits, over }), over])
    return heard
  })
  return { heard: heard.map(wholeChunks), executed: executed.sort() }
}

/** Resolves when a process has drained. */
async function drained(generation: Generation, from: number): Promise<void> {
  await until(`process ${generation.system.pid} has drained`, () => {
    generation.endReset()
    return generation.events.slice(from).some(({ type }) => type === 'drained')
  })
}

async function play<L extends Lines>(
  { connect = clearLine }: Service<L>,
  port: number,
  lines: L[],
  handoffs: Handoffs,
): Promise<string[]> {
  const clients = lines.map((each) => new ScriptedClient(connect(port, each)))
  try {
    return await Promise.all(
      lines.map((each, index) => (clients[index] as ScriptedClient).play(each, handoffs)),
    )
  } finally {
    for (const client of clients) client.close()
  }
}

/** A new process that takes over and is killed, before it has read a byte of any connection. */
async function fail(
  place: Place,
  old: Generation,
  kind: MovableKind,
  { turnsToLive, acks, ramp }: { turnsToLive: number; acks: boolean; ramp: boolean },
): Promise<void> {
  const from = old.events.length
  const peer = place.newPeer()
  if (ramp) peer.accepts.push('ramp')
  await peer.receive()
  const key = 'tcp:127.0.0.1:0#1'
  peer.say({ type: 'ready', claimed: [key], takes: { [key]: [kind] } })
  await peer.hear('committed')
  const acking = acks ? ackAll(peer) : undefined
  await turns(turnsToLive)
  peer.die()
  await acking
  await old.told('taken-back', from)
}

/** The new process reports that it is quick, again and again, until the old one accepts no more. */
async function endRamp(old: Generation, next: Generation): Promise<void> {
  for (const { handoff } = old; handoff.metrics().stage === 'ramp'; await turns(5)) {
    next.system.advance(50)
  }
}

async function ackAll(peer: NewPeer): Promise<void> {
  let received = 0
  try {
    for (;;) {
      received += (await peer.hear('connections')).items.length
      peer.say({ type: 'adopted', received })
    }
  } catch {
    // Whatever else it hears, its own death included, it has heard enough.
  }
}

function commitsOf(generation: Generation): number {
  return generation.all('stage').filter(({ stage }) => stage === 'drain').length
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
