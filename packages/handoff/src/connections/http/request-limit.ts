// Applies maxRequestsPerSocket to the requests that a connection made in older processes, too.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { observeRequests } from '../../io/hooks/observe-requests.ts'

/**
 * @remarks Node.js keeps its own count, which can be neither read nor set. So this counts again, but
 * only if the server has a limit: other servers do not pay for it.
 */
export class RequestLimit {
  readonly #server: Server
  /** The requests of each connection, those in older processes included. */
  readonly #counts = new WeakMap<Socket, number>()
  /** Connections that began in an older process: to Node.js they are new. */
  readonly #carried = new WeakSet<Socket>()
  #stop: (() => void) | undefined

  constructor(server: Server) {
    this.#server = server
  }

  /** Counts from now on if there is a limit. Called for each connection, before its first request. */
  start(): void {
    if (this.isCounting || !(this.#server.maxRequestsPerSocket as number)) return
    this.#stop = observeRequests(this.#server, this.#count)
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  /** Whether requests are counted. */
  get isCounting(): boolean {
    return this.#stop !== undefined
  }

  /** Returns how many requests were made on a connection; undefined if they are not counted. */
  requestsOf(socket: Socket): number | undefined {
    return this.isCounting ? (this.#counts.get(socket) ?? 0) : undefined
  }

  /** Whether a connection has reached the limit: its last response said so, and it ends here. */
  isReached(socket: Socket): boolean {
    return this.isCounting && this.#reaches(this.#counts.get(socket) ?? 0)
  }

  /** Adds the requests that a connection made in older processes. */
  carry(socket: Socket, requests: number): void {
    this.#counts.set(socket, requests)
    this.#carried.add(socket)
  }

  #reaches(requests: number): boolean {
    const limit = this.#server.maxRequestsPerSocket as number
    return limit > 0 && requests >= limit
  }

  readonly #count = (request: IncomingMessage, response: ServerResponse, socket: Socket) => {
    // As Node.js: older clients do not keep connections.
    if (request.httpVersion !== '1.1') return
    const requests = (this.#counts.get(socket) ?? 0) + 1
    this.#counts.set(socket, requests)
    if (this.#carried.has(socket) && this.#reaches(requests)) {
      response.setHeader('Connection', 'close')
    }
  }
}
