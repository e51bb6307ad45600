// WebSockets that send numbered messages without end, each waiting for nothing.

import { until } from '../until.ts'
import { Death } from './death.ts'
import { EchoClient, type Echoes, type Pace } from './echo-client.ts'
import { DEADLINE_MS } from './kept-connection.ts'

/** As the promise names it: a message each 50 ms. */
const usualPace: Pace = { everyMs: 50 }

export interface WebSocketOptions {
  port: number
  /** Makes the WebSockets secure: the certificate that their server must have. */
  ca?: string | Buffer | undefined
  count: number
  /** They take turns. */
  hosts?: readonly string[]
  pace?: Pace
  /** What may excuse an end. */
  death?: Death
  /** Whether a client opens another connection after an end that nothing excused. */
  reopens?: boolean
}

export class WebSocketLoad {
  /** Processes that answered. */
  readonly pids = new Set<string>()
  /** Connections that ended although nothing excused it. */
  closed = 0
  /** Connections that ended with the process that had used them; each was opened again. */
  cut = 0
  readonly failures: string[] = []
  readonly #options: Required<WebSocketOptions>
  /** The connection of each client. */
  readonly #clients: EchoClient[] = []
  readonly #first: EchoClient[] = []
  readonly #echoed: number[] = []
  /** Clients whose connection ended unexcused: they open no other. */
  readonly #lost = new Set<number>()
  /** Of connections that are no more. */
  readonly #past: Echoes = {
    sent: 0,
    echoed: 0,
    lost: 0,
    reordered: 0,
    doubled: 0,
    miscounted: 0,
  }
  #opening = Promise.resolve()
  #stopping = false

  private constructor(options: WebSocketOptions) {
    this.#options = {
      hosts: ['127.0.0.1'],
      pace: usualPace,
      death: new Death(),
      reopens: false,
      ca: undefined,
      ...options,
    }
  }

  static async start(options: WebSocketOptions): Promise<WebSocketLoad> {
    const load = new WebSocketLoad(options)
    for (let index = 0; index < options.count; index++) await load.#open(index)
    load.#first.push(...load.#clients)
    return load
  }

  /** How many clients have the connection that they began with, open. */
  get same(): number {
    return this.#clients.filter(
      (client, index) => client === this.#first[index] && client.ended === undefined,
    ).length
  }

  get echoes(): Echoes {
    const sum = { ...this.#past }
    for (const { echoes } of this.#clients) add(sum, echoes)
    return sum
  }

  /** Resolves when every client has heard so many more answers. */
  async more(answers: number): Promise<void> {
    const enough = this.#echoed.map((echoed) => echoed + answers)
    await until(
      `${answers} more answers on each WebSocket`,
      () =>
        this.#echoed.every(
          (echoed, index) => echoed >= (enough[index] as number) || this.#lost.has(index),
        ),
      DEADLINE_MS,
    )
  }

  /** Sends no more, waits for the last answer, and tells what went wrong; the sockets stay open. */
  async stop(): Promise<string[]> {
    this.#stopping = true
    await this.#opening
    for (const client of this.#clients) client.stop()
    await until('the last answers', () => this.#clients.every(({ complete }) => complete)).catch(
      (error) => this.failures.push(`${error}`),
    )
    const { sent, echoed, ...wrong } = this.echoes
    if (Object.values(wrong).some((count) => count > 0)) {
      this.failures.push(`${echoed} of ${sent} echoed: ${JSON.stringify(wrong)}`)
    }
    return this.failures
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  async #open(index: number): Promise<void> {
    const { hosts, port, pace, ca } = this.#options
    const scheme = ca === undefined ? 'ws' : 'wss'
    this.#clients[index] = await EchoClient.open(
      `${scheme}://${hosts[index % hosts.length]}:${port}/echo`,
      pace,
      {
        onEcho: (pid) => {
          this.#echoed[index] = (this.#echoed[index] ?? 0) + 1
          this.pids.add(pid)
        },
        onEnd: (client) => this.#ended(index, client),
      },
      ca === undefined ? {} : { ca },
    )
    this.#echoed[index] ??= 0
  }

  /** Judged in the moment in which it ends: whatever excused it is over soon. */
  #ended(index: number, client: EchoClient): void {
    const { begunAt, usedBy, ended, echoes, holes } = client
    if (!this.#options.death.excuses({ begunAt, usedBy })) {
      this.closed++
      this.failures.push(`WebSocket ${index}, last used by ${usedBy}: ${ended}`)
      if (!this.#options.reopens) this.#lost.add(index)
      if (!this.#options.reopens || this.#stopping) return
      add(this.#past, echoes)
    } else {
      this.cut++
      if (this.#stopping) return
      // The last messages went with the process; none before them may be missing.
      add(this.#past, { ...echoes, lost: holes })
    }
    // In parallel: one after the other, sixteen handshakes take a client that waits for a core a minute.
    const opened = this.#open(index).catch((error) => {
      this.#lost.add(index)
      this.failures.push(`WebSocket ${index} could not be opened again: ${error}`)
    })
    this.#opening = Promise.all([this.#opening, opened]).then(() => {})
  }
}

function add(sum: Echoes, more: Echoes): void {
  for (const key of Object.keys(sum) as (keyof Echoes)[]) sum[key] += more[key]
}
