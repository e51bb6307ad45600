// Clients of programs that do not speak plain HTTP. None sends anything twice.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Tally } from '../../test/support/load/tally.ts'

/** Asks without pause until `stopped`, and counts every call by how it ended. */
export type Clients = (port: number, tally: Tally, stopped: () => boolean) => Promise<unknown>

/** One channel that all calls share, as gRPC clients have it, and one for each call. */
export function grpcClients(modules: string): Clients {
  const grpc = createRequire(join(modules, 'package.json'))('@grpc/grpc-js')
  const raw = (bytes: Buffer) => bytes
  const method = (path: string, responseStream: boolean) => ({
    path,
    requestStream: false,
    responseStream,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  })
  const Greeter = grpc.makeGenericClientConstructor(
    { say: method('/Greeter/Say', false), count: method('/Greeter/Count', true) },
    'Greeter',
  )
  // The library's own retries would hide a loss.
  const options = { 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1 }

  return async (port, tally, stopped) => {
    const connect = () =>
      new Greeter(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options)
    // biome-ignore lint/suspicious/noExplicitAny: the library is not among our types.
    type Client = any
    const deadline = () => ({ deadline: Date.now() + 10_000 })
    const say = (client: Client) =>
      counted(tally, 'unary', (done) => {
        client.say(Buffer.from('x'), deadline(), (error: Error | null, reply?: Buffer) => {
          done(error ?? undefined, reply?.toString())
        })
      })
    const count = (client: Client) =>
      counted(tally, 'stream', (done) => {
        let received = 0
        client
          .count(Buffer.from('x'), deadline())
          .on('data', () => received++)
          .on('error', (error: Error) => done(error))
          .on('end', () => {
            if (received === 10) done()
            else done(new Error(`${received} of 10 messages`))
          })
      })
    const shared = connect()
    const alone = async () => {
      const client = connect()
      await say(client)
      client.close()
    }
    await Promise.all([
      ...many(8, stopped, () => say(shared)),
      ...many(4, stopped, () => count(shared)),
      ...many(4, stopped, alone),
    ])
    shared.close()
  }
}

/** Each connects, subscribes, publishes with QoS 1, hears its own message and leaves. */
export function mqttClients(modules: string): Clients {
  const mqtt = createRequire(join(modules, 'package.json'))('mqtt')
  return (port, tally, stopped) => {
    let visits = 0
    const visit = () =>
      counted(tally, 'visit', (done) => {
        const topic = `visit/${++visits}`
        const options = { reconnectPeriod: 0, connectTimeout: 10_000 }
        const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, options)
        const fail = (error: Error) => {
          client.end(true)
          done(error)
        }
        client.on('error', fail)
        client.on('close', () => fail(new Error('the broker closed the connection')))
        client.on('connect', () =>
          client.subscribe(topic, { qos: 1 }, (error?: Error) => {
            if (error) fail(error)
            else client.publish(topic, 'hello', { qos: 1 })
          }),
        )
        client.on('message', () => {
          done()
          client.end()
        })
      })
    return Promise.all(many(8, stopped, visit))
  }
}

type Done = (error?: Error, pid?: string) => void

/** Counts one call. */
function counted(tally: Tally, route: string, call: (done: Done) => void): Promise<void> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    let ended = false
    call((error, pid) => {
      if (ended) return
      ended = true
      const ms = performance.now() - startedAt
      const detail = error?.message ?? ''
      tally.add(route, { kind: error === undefined ? 'ok' : 'reset', detail, pid, ms })
      resolve()
    })
  })
}

/** So many clients that ask one time after the other. */
function many(count: number, stopped: () => boolean, ask: () => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, async () => {
    while (!stopped()) await ask()
  })
}
