// WebSocket servers and clients of the stage tests, and clients that speak frames by hand.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import net from 'node:net'
import { onTestFinished } from 'vitest'
import WebSocket, { type ServerOptions, WebSocketServer } from 'ws'
import type { WebSocketHooks } from '../../../packages/handoff/src/connections/websocket/opted-in-servers.ts'
import type { HandoffOptions } from '../../../packages/handoff/src/terms/options.ts'
import { until } from '../../support/until.ts'
import type { Generation, Place } from './place.ts'

export interface ServeOptions {
  /** Options of a server of its own; without them it is attached to the HTTP server. */
  server?: Omit<ServerOptions, 'server' | 'port'> & { noServer: true }
  hooks?: WebSocketHooks<WebSocket> | false
  start?: HandoffOptions
  onConnection?: (socket: WebSocket, request: http.IncomingMessage, generation: Generation) => void
}

export interface Served {
  generation: Generation
  server: http.Server
  wss: WebSocketServer
  port: number
}

/** Says which process it is in, and what it was told. */
function echo(socket: WebSocket, _: unknown, { system }: Generation): void {
  socket.on('message', (data) => socket.send(`${system.pid} ${data}`))
}

/** A process that serves WebSockets, and lets them go over unless it is told otherwise. */
export async function serveWebSockets(place: Place, options: ServeOptions = {}): Promise<Served> {
  const { hooks = {}, onConnection = echo } = options
  const generation = await place.start(options.start)
  const server = generation.http()
  const wss = new WebSocketServer(options.server ?? { server })
  if (options.server !== undefined) {
    // As applications do it that choose the server by the request.
    server.on('upgrade', (request, socket, head) => {
      wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request))
    })
  }
  if (hooks !== false) generation.handoff.moveWebSockets(wss, hooks)
  wss.on('connection', (socket, request) => onConnection(socket, request, generation))
  await generation.handoff.listen(server, { host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return { generation, server, wss, port: (server.address() as AddressInfo).port }
}

/** How many connections are left when everything that can happen at once has happened. */
export async function staysAt({ wss }: Pick<Served, 'wss'>): Promise<number> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  return wss.clients.size
}

/** What a client heard: texts, and the close. */
export class Client {
  readonly socket: WebSocket
  readonly heard: string[] = []
  closed: number | undefined

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.heard.push(String(data)))
    socket.on('close', (code) => {
      this.closed = code
    })
    socket.on('error', (error) => this.heard.push(String(error)))
    onTestFinished(() => socket.terminate())
  }

  static async connect(port: number, path = '/', options: WebSocket.ClientOptions = {}) {
    const client = new Client(new WebSocket(`ws://127.0.0.1:${port}${path}`, options))
    await once(client.socket, 'open')
    return client
  }

  /** The answer to one message. */
  async ask(text: string): Promise<string> {
    const from = this.heard.length
    this.socket.send(text)
    return await until(`an answer to ${text}`, () => this.heard[from])
  }

  async close(): Promise<number> {
    return await until('the close', () => this.closed)
  }
}

/** A client that writes frames byte by byte. */
export class FrameClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  ended = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data])
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
  }

  static async connect(port: number, ...headers: string[]): Promise<FrameClient> {
    const client = new FrameClient(net.connect({ host: '127.0.0.1', port }))
    const head = [
      'GET / HTTP/1.1',
      'Host: test',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      ...headers,
    ]
    client.socket.write(`${head.join('\r\n')}\r\n\r\n`)
    await until('the 101', () => client.#received.includes('\r\n\r\n'))
    client.#received = client.#received.subarray(client.#received.indexOf('\r\n\r\n') + 4)
    return client
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** Everything that came since the 101. */
  get received(): Buffer {
    return this.#received
  }

  async hears(text: string): Promise<void> {
    await until(`the client hears ${text}`, () => this.#received.includes(text))
  }
}

/** A frame as clients send it: masked, with a mask of zeros. */
export function frame(opcode: number, payload: string | Buffer, { fin = true } = {}): Buffer {
  const data = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | opcode
  const head =
    data.length < 126
      ? [first, 0x80 | data.length]
      : [first, 0x80 | 126, data.length >> 8, data.length & 0xff]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), data])
}
