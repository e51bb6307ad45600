// A place in the line of generations: processes and peers that meet at one path, all in this process.

import type dgram from 'node:dgram'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import http, { type RequestListener, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { expect, onTestFinished, vi } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import { descriptorOf } from '../../../packages/handoff/src/io/node/internals/connection-handle.ts'
import type { ListenOptions } from '../../../packages/handoff/src/io/node/listen-arguments.ts'
import { HandoffProcess } from '../../../packages/handoff/src/process/handoff.ts'
import type { HandoffEvent } from '../../../packages/handoff/src/terms/events.ts'
import { type HandoffOptions, readSettings } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import { ask, type Where } from './clients.ts'
import { FakeSystem } from './fake-system.ts'
import { NewPeer, OldPeer } from './peers.ts'
import { openedSince, openSockets } from './sockets.ts'

type Told<T extends HandoffEvent['type']> = Extract<HandoffEvent, { type: T }>

/** A request that is answered when the test says so. */
export interface InFlight {
  answer: Promise<string>
  finish(body?: string): void
}

/** One generation: a HandoffProcess, the world around it, and its servers. */
export class Generation {
  readonly system = new FakeSystem()
  readonly events: HandoffEvent[] = []
  readonly handoff: HandoffProcess
  readonly #servers = new Set<Server>()
  readonly #connections = new Set<Socket>()
  /** Those of TLS servers among them. */
  readonly #secured = new Set<Socket>()
  readonly #datagrams = new Set<dgram.Socket>()
  readonly #unanswered: ServerResponse[] = []

  constructor(options: HandoffOptions, env: NodeJS.ProcessEnv = {}) {
    const settings = readSettings({ onEvent: (event) => this.events.push(event), ...options }, env)
    this.system.env = env
    this.handoff = new HandoffProcess(settings, this.system)
  }

  /** A server that says which process it is in, unless it is told otherwise. */
  http(reply: RequestListener = (request, response) => this.#reply(request, response)) {
    return this.own(http.createServer(reply))
  }

  #reply({ url }: http.IncomingMessage, response: ServerResponse): void {
    if (url === '/slow') this.#unanswered.push(response)
    else response.end(String(this.system.pid))
  }

  /**
   * Ends the TLS connections that clients have reset, and that Node.js keeps: while a response is being written,
   * it does not notice a reset, with and without a handoff (Node 20 to 26).
   */
  endReset(): void {
    for (const socket of this.#secured) {
      const fd = descriptorOf(socket)
      if (fd !== undefined && readProgress([fd])[0] === undefined) socket.destroy()
    }
  }

  /** Asks one of its servers, and has that wait with the answer. */
  async inFlight(where: Where, agent: http.Agent | false = false): Promise<InFlight> {
    const index = this.#unanswered.length
    const answer = ask(where, { agent, path: '/slow' })
    answer.catch(() => {}) // The test may not get to it.
    const response = await until('the request is in flight', () => this.#unanswered[index])
    return { answer, finish: (body = 'whole') => void response.end(body) }
  }

  /** Closes the server, and what is connected to it, with the test. */
  own<S extends Server>(server: S): S {
    this.#servers.add(server)
    server.on('connection', (socket) => {
      this.#connections.add(socket)
      if (server instanceof tls.Server) this.#secured.add(socket)
      socket.once('close', () => {
        this.#connections.delete(socket)
        this.#secured.delete(socket)
      })
    })
    return server
  }

  /** Closes the socket with the test. */
  ownDatagram(socket: dgram.Socket): dgram.Socket {
    this.#datagrams.add(socket)
    socket.once('close', () => this.#datagrams.delete(socket))
    return socket
  }

  /** Makes an HTTP server listen. */
  async listen(where: ListenOptions, reply?: RequestListener): Promise<http.Server> {
    const server = this.http(reply)
    await this.handoff.listen(server, where)
    return server
  }

  /** The first event of the kind at or after an index, now or later. */
  async told<T extends HandoffEvent['type']>(type: T, from = 0): Promise<Told<T>> {
    const find = () => this.events.slice(from).find((event) => event.type === type)
    return (await until(`process ${this.system.pid} tells ${type}`, find)) as Told<T>
  }

  /** What was told of these kinds, in order. */
  all<T extends HandoffEvent['type']>(...types: T[]): Told<T>[] {
    return this.events.filter((event) => types.includes(event.type as T)) as Told<T>[]
  }

  /** Resolves when the process has got into the stage. */
  async reaches(stage: string): Promise<void> {
    const here = () => this.handoff.metrics().stage
    await until(`process ${this.system.pid} reaches ${stage}`, () => here() === stage)
  }

  /** The code with which it has left. */
  async exit(): Promise<number> {
    return await until(`process ${this.system.pid} exits`, () => this.system.exits[0])
  }

  /** What is left of its servers and connections goes. */
  close(): void {
    for (const socket of this.#connections) socket.destroy()
    for (const server of this.#servers) server.close()
    for (const socket of this.#datagrams) socket.close()
  }
}

export class Place {
  readonly directory = mkdtempSync(join(tmpdir(), 'handoff-stage-'))
  readonly rendezvous = join(this.directory, 'rendezvous.sock')
  readonly #before = openSockets()
  readonly #generations: Generation[] = []
  readonly #peers: { die(): void }[] = []
  readonly #channels: Channel[] = []

  /** A path in this place. */
  path(name: string): string {
    return join(this.directory, name)
  }

  /** The files of this place. */
  get files(): string[] {
    return readdirSync(this.directory).sort()
  }

  /** A process that has not begun. */
  generation(options: HandoffOptions = {}, env?: NodeJS.ProcessEnv): Generation {
    // Most tests are of a handoff without a ramp: the old process stops accepting at the commit.
    const fixed = { rendezvousPath: this.rendezvous, rampMs: 0 }
    const generation = new Generation({ ...fixed, ...options }, env)
    this.#generations.push(generation)
    return generation
  }

  /** A process that has come as far as its application: it may listen. */
  async start(options?: HandoffOptions, env?: NodeJS.ProcessEnv): Promise<Generation> {
    const generation = this.generation(options, env)
    await generation.handoff.start()
    return generation
  }

  /** A process that serves, on one port or where it is told to. */
  async serve(
    options?: HandoffOptions,
    ...where: ListenOptions[]
  ): Promise<{ generation: Generation; server: http.Server; servers: http.Server[] }> {
    const generation = await this.start(options)
    const servers: http.Server[] = []
    for (const listen of where.length > 0 ? where : [{ host: '127.0.0.1', port: 0 }]) {
      servers.push(await generation.listen(listen))
    }
    await generation.handoff.ready()
    return { generation, server: servers[0] as http.Server, servers }
  }

  newPeer(): NewPeer {
    const peer = NewPeer.connect(this.rendezvous)
    this.#peers.push(peer)
    return peer
  }

  oldPeer(): OldPeer {
    const peer = new OldPeer(this.rendezvous)
    this.#peers.push(peer)
    return peer
  }

  /** What is open now and was not when the place was opened. */
  get opened(): string[] {
    return openedSince(this.#before)
  }

  /** Everything that a kernel would clean up after processes that exit; then nothing may be left. */
  async close(): Promise<void> {
    for (const peer of this.#peers) peer.die()
    for (const { handoff } of this.#generations) void handoff.stop()
    for (const generation of this.#generations) generation.close()
    // Past every deadline: what a process still waits for does not come.
    for (const { system } of this.#generations) system.advance(120_000)
    await new Promise(setImmediate)
    for (const channel of this.#channels) channel.close()
    try {
      await until('every descriptor is closed', () => this.opened.length === 0, 10_000)
    } catch {
      expect(this.opened, 'descriptors that leaked').toEqual([])
    }
    rmSync(this.directory, { recursive: true })
  }

  /** Remembers the channels of the processes: they end with them. */
  track(channel: Channel): Channel {
    this.#channels.push(channel)
    return channel
  }
}

const { from: realFrom } = Channel

/** A place that lasts as long as the test; descriptors that are left then fail it. */
export function openPlace(): Place {
  const { place, close } = occupy()
  onTestFinished(close)
  return place
}

/** A place that lasts as long as what is done in it; descriptors that are left then fail it. */
export async function withPlace<T>(action: (place: Place) => Promise<T>): Promise<T> {
  const { place, close } = occupy()
  const [done] = await Promise.allSettled([action(place)])
  const [closed] = await Promise.allSettled([close()])
  if (done.status === 'rejected') throw done.reason
  if (closed.status === 'rejected') throw closed.reason
  return done.value
}

function occupy(): { place: Place; close: () => Promise<void> } {
  const place = new Place()
  const spy = vi.spyOn(Channel, 'from').mockImplementation((fd) => place.track(realFrom(fd)))
  const close = async () => {
    spy.mockRestore()
    await place.close()
  }
  return { place, close }
}
