// A small steady load that never retries: counts everything that a client would notice of a handoff.

import http from 'node:http'

/** Connections that are kept open, a request each 20 ms. */
const kept = 8

/** Connections that are made for one request, one each 20 ms. */
const pauseMs = 20

export class Load {
  requests = 0
  failed = 0
  /** The first failure, in words. */
  firstFailure = ''
  readonly #url: string
  readonly #agents: http.Agent[] = []
  readonly #sockets = new Set<unknown>()
  readonly #running: Promise<void>[] = []
  #waiting: (() => void)[] = []
  #stopped = false

  constructor(url: string) {
    this.#url = url
  }

  start(): void {
    for (let index = 0; index < kept; index++) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
      this.#agents.push(agent)
      this.#running.push(this.#client(agent))
    }
    this.#running.push(this.#client(undefined))
  }

  /** Resolves when the next request has ended. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  get tally(): string {
    const closed = Math.max(0, this.#sockets.size - kept)
    const requests = this.requests.toLocaleString('en')
    return `${requests} requests, ${this.failed} failed, ${closed} of ${kept} kept connections closed`
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    for (const agent of this.#agents) agent.destroy()
  }

  async #client(agent: http.Agent | undefined): Promise<void> {
    while (!this.#stopped) {
      const failure = await this.#ask(agent)
      this.requests += 1
      if (failure !== undefined) {
        this.failed += 1
        this.firstFailure ||= failure
      }
      for (const resolve of this.#waiting.splice(0)) resolve()
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** @returns what went wrong, if anything did. */
  #ask(agent: http.Agent | undefined): Promise<string | undefined> {
    return new Promise((resolve) => {
      const request = http.get(
        this.#url,
        { agent: agent ?? false, timeout: 10_000 },
        (response) => {
          response.resume()
          response.on('end', () => {
            resolve(response.statusCode === 200 ? undefined : `status ${response.statusCode}`)
          })
          response.on('error', (error) => resolve(error.message))
        },
      )
      if (agent !== undefined) request.on('socket', (socket) => this.#sockets.add(socket))
      request.on('timeout', () => request.destroy(new Error('no answer within 10 s')))
      request.on('error', (error) => resolve(error.message))
    })
  }
}
