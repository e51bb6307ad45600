// Gives a server connections of its own process, which no other process can open.

import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { listenOnDescriptor } from '../hooks/listen-hook.ts'
import { bindTcp } from '../listeners/bind-socket.ts'
import { close, socketPair } from '../native/descriptors.ts'
import { acceptOptions, allowsHalfOpen } from '../node/internals/accept-options.ts'

/**
 * Opens connections to a server through the kernel: the server gets what `accept` returns.
 *
 * @remarks The server need not listen. It does not count these connections: `getConnections()`,
 * `maxConnections` and the end of `close()` are as without them. Its `connection` listeners run.
 */
export class Loopback {
  readonly #server: Server
  /** Both ends of each connection that is open. */
  readonly #sockets = new Set<Socket>()
  #acceptor: Acceptor | undefined
  #closed = false

  private constructor(server: Server) {
    this.#server = server
  }

  /**
   * Makes ready to connect. A server that listens on a Unix path gets Unix connections, without an
   * address, every other one TCP connections from the loopback address.
   *
   * @throws a system error, such as `EMFILE`.
   */
  static async open(server: Server): Promise<Loopback> {
    const loopback = new Loopback(server)
    if (typeof server.address() === 'string') return loopback
    loopback.#acceptor = await Acceptor.listen(server, (socket) => loopback.#keep(socket))
    return loopback
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Connects to the server.
   *
   * @returns the client's end, when the server has the other one; undefined if this loopback is
   * closed meanwhile, or if the kernel refuses.
   */
  async connect(): Promise<Socket | undefined> {
    if (this.#closed) return undefined
    const [client, accepted] =
      this.#acceptor === undefined ? this.#pair() : await this.#acceptor.connect()
    if (accepted === undefined || this.#closed) {
      client.destroy()
      return undefined
    }
    this.#server.emit('connection', accepted)
    return client
  }

  /** Destroys both ends of all connections. */
  close(): void {
    this.#closed = true
    for (const socket of this.#sockets) socket.destroy()
    this.#acceptor?.close()
  }

  #pair(): [Socket, Socket] {
    const [client, accepted] = socketPair()
    const allowHalfOpen = allowsHalfOpen(this.#server)
    const open = (fd: number, options = {}) =>
      this.#keep(new net.Socket({ fd, readable: true, writable: true, ...options }))
    return [open(client), open(accepted, { allowHalfOpen })]
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // An end that fails closes. The other one then closes as well.
    return socket.on('error', () => {})
  }
}

/** A TCP listener on the loopback address that takes connections of this process only. */
class Acceptor {
  readonly #listener: Server
  readonly #keep: (socket: Socket) => Socket
  /** By the address of the client's end: accepted sockets of which the client has not yet connected… */
  readonly #accepted = new Map<string, Socket>()
  /** … and clients that have connected and were not yet accepted. */
  readonly #connected = new Map<string, (accepted: Socket | undefined) => void>()

  private constructor(server: Server, keep: (socket: Socket) => Socket) {
    this.#keep = keep
    this.#listener = net.createServer(acceptOptions(server), (socket) => this.#accept(socket))
  }

  static async listen(server: Server, keep: (socket: Socket) => Socket): Promise<Acceptor> {
    const acceptor = new Acceptor(server, keep)
    await acceptor.#listen(bindLoopback())
    return acceptor
  }

  /** @returns both ends; without the server's if this acceptor is closed, or the kernel refuses. */
  async connect(): Promise<[client: Socket, accepted: Socket | undefined]> {
    const { port, address: host } = this.#listener.address() as AddressInfo
    const client = this.#keep(net.connect({ port, host, noDelay: true }))
    const accepted = await new Promise<Socket | undefined>((resolve) => {
      client.once('close', () => resolve(undefined))
      client.once('connect', () => {
        const place = `${client.localAddress}:${client.localPort}`
        const accepted = this.#accepted.get(place)
        this.#accepted.delete(place)
        if (accepted === undefined) this.#connected.set(place, resolve)
        else resolve(accepted)
      })
    })
    return [client, accepted]
  }

  close(): void {
    this.#listener.close()
    for (const resolve of this.#connected.values()) resolve(undefined)
  }

  /** A connection of another process stays without an answer, and ends with this acceptor. */
  #accept(socket: Socket): void {
    this.#keep(socket)
    const place = `${socket.remoteAddress}:${socket.remotePort}`
    const resolve = this.#connected.get(place)
    this.#connected.delete(place)
    if (resolve === undefined) this.#accepted.set(place, socket)
    else resolve(socket)
  }

  async #listen(fd: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('listening', resolve)
      this.#listener.once('error', (error) => {
        close(fd) // libuv owns the descriptor only once it listens.
        reject(error)
      })
      listenOnDescriptor(this.#listener, fd)
    })
    this.#listener.on('error', () => {})
  }
}

function bindLoopback(): number {
  try {
    return bindTcp({ address: '127.0.0.1', port: 0 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error
    return bindTcp({ address: '::1', port: 0 })
  }
}
