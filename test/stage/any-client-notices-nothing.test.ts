// Whatever a client does, and whenever a handoff comes: it gets the bytes that it gets without one.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NewPeer } from './peers.ts'
import { type Generation, type Place, withPlace } from './place.ts'
import { type Handoffs, ScriptedClient } from './scripted-client.ts'
import { answering, turns } from './scripted-server.ts'
import { type Script, type ScriptedHandoff, script, scriptedHandoff } from './scripts.ts'

const { HANDOFF_PROPERTY_RUNS, HANDOFF_PROPERTY_REPLAY } = process.env

/** What a failure prints: `{"seed":1,"path":"2:1"}`. */
const replay = JSON.parse(HANDOFF_PROPERTY_REPLAY ?? '{}') as { seed?: number; path?: string }

/** What clients got, each for itself, and which of their requests were executed. */
interface Outcome {
  heard: string[]
  executed: string[]
}

/** Half-closed clients get their answers, if the server is told so; Node's default cuts them. */
function makeServer(executed: string[]): http.Server {
  const server = http.createServer(answering((id) => executed.push(id)))
  return Object.assign(server, { httpAllowHalfOpen: true })
}

async function serve(place: Place, executed: string[]) {
  const generation = await place.start()
  const server = generation.own(makeServer(executed))
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, port: (server.address() as AddressInfo).port }
}

/** A new process that takes over and is killed, before it has read a byte of any connection. */
async function fail(place: Place, old: Generation, turnsToLive: number, acks: boolean) {
  const [key = ''] = old.handoff.metrics().listeners
  const from = old.events.length
  const peer = place.newPeer()
  await peer.takeOver([key], [key])
  const acking = acks ? ackAll(peer) : undefined
  await turns(turnsToLive)
  peer.die()
  await acking
  await old.told('taken-back', from)
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

async function play(port: number, scripts: Script[], handoffs: Handoffs): Promise<string[]> {
  const clients = scripts.map(() => new ScriptedClient(port))
  try {
    return await Promise.all(
      scripts.map((each, index) => (clients[index] as ScriptedClient).play(each, handoffs)),
    )
  } finally {
    for (const client of clients) client.close()
  }
}

async function without(scripts: Script[]): Promise<Outcome> {
  const executed: string[] = []
  const server = makeServer(executed)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    // Nobody waits for one.
    let commits = 0
    const heard = await play(port, scripts, { commits: () => commits++, over: Promise.resolve() })
    return { heard, executed: executed.sort() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function withHandoffs(scripts: Script[], handoffs: ScriptedHandoff[]): Promise<Outcome> {
  const executed: string[] = []
  const heard = await withPlace(async (place) => {
    let { generation, port } = await serve(place, executed)
    const generations = [generation]
    const commits = () => generations.reduce((sum, each) => sum + commitsOf(each), 0)
    const over = (async () => {
      for (const { wait, dies, acks } of handoffs) {
        await turns(wait)
        if (dies !== undefined) {
          await fail(place, generation, dies, acks)
          continue
        }
        const from = generation.events.length
        const next = await serve(place, executed)
        // With the next handoff it would tell those that it still serves to connect again.
        await generation.told('drained', from)
        generation = next.generation
        generations.push(generation)
      }
    })()
    const [heard] = await Promise.all([play(port, scripts, { commits, over }), over])
    return heard
  })
  return { heard, executed: executed.sort() }
}

function commitsOf(generation: Generation): number {
  return generation.all('stage').filter(({ stage }) => stage === 'drain').length
}

test(
  'every byte is as it is without a handoff, and no request is executed twice',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(script, { minLength: 1, maxLength: 3 }),
        fc.array(scriptedHandoff, { minLength: 1, maxLength: 3 }),
        async (scripts, handoffs) => {
          const expected = await without(scripts)
          expect(await withHandoffs(scripts, handoffs)).toEqual(expected)
        },
      ),
      {
        numRuns: Number(HANDOFF_PROPERTY_RUNS ?? 60),
        interruptAfterTimeLimit: HANDOFF_PROPERTY_RUNS === undefined ? 12_000 : 3_600_000,
        ...replay,
      },
    )
  },
  Number(HANDOFF_PROPERTY_RUNS ?? 0) * 1_000 + 60_000,
)
