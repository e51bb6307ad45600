// maxRequestsPerSocket counts the requests that a connection made in older processes, too.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { observeRequests } from '../../io/hooks/observe-requests.ts'

/**
 * @remarks Node keeps its own count where nobody can read or set it. So we keep another, but only
 * where the server has a limit: no other pays for it.
 */
export class RequestLimit {
  readonly #server: Server
  /** Requests of each connection, those in older processes included. */
  readonly #counts = new WeakMap<Socket, number>()
  /** Those that began in an older process: to Node they are new. */
  readonly #carried = new WeakSet<Socket>()
  #stop: (() => void) | undefined

  constructor(server: Server) {
    this.#server = server
  }

  /** Counts from now on if there is a limit. Called for each connection, before its first request. */
  begin(): void {
    if (this.#counting || !(this.#server.maxRequestsPerSocket as number)) return
    this.#stop = observeRequests(this.#server, this.#count)
  }

  end(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  get #counting(): boolean {
    return this.#stop !== undefined
  }

  /** How many requests were made on a connection; undefined where nobody counts. */
  requestsOf(socket: Socket): number | undefined {
    return this.#counting ? (this.#counts.get(socket) ?? 0) : undefined
  }

  /** Whether a connection has been told to end, and ends here. */
  isReached(socket: Socket): boolean {
    return this.#counting && this.#reaches(this.#counts.get(socket) ?? 0)
  }

  /** A connection has come that made so many requests before. */
  carry(socket: Socket, requests: number): void {
    this.#counts.set(socket, requests)
    this.#carried.add(socket)
  }

  #reaches(requests: number): boolean {
    const limit = this.#server.maxRequestsPerSocket as number
    return limit > 0 && requests >= limit
  }

  readonly #count = (request: IncomingMessage, response: ServerResponse, socket: Socket) => {
    // As Node: older clients do not keep connections.
    if (request.httpVersion !== '1.1') return
    const requests = (this.#counts.get(socket) ?? 0) + 1
    this.#counts.set(socket, requests)
    if (this.#carried.has(socket) && this.#reaches(requests)) {
      response.setHeader('Connection', 'close')
    }
  }
}
