// Clients that each keep one connection, rest a moment between two requests, and never retry.

import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../until.ts'
import type { Death } from './death.ts'
import { DEADLINE_MS, KeptConnection } from './kept-connection.ts'
import { seeded } from './random.ts'
import type { Target } from './send.ts'
import type { Tally } from './tally.ts'

export interface KeptOptions {
  target: Target
  count: number
  /** A client rests between 0 and so many milliseconds. */
  thinkMs: number
  seed: number
  tally: Tally
  death: Death
}

interface Client {
  /** Of the connection that it began with. */
  port: number
  now: KeptConnection
  answers: number
}

export class KeptLoad {
  /** Milliseconds of every request that was answered. */
  readonly durationsMs: number[] = []
  /** Connections that the server closed although nothing excused it. */
  closed = 0
  /** Connections that ended with the process that had used them. */
  cut = 0
  readonly failures: string[] = []
  readonly #options: KeptOptions
  readonly #clients: Client[] = []
  #runs: Promise<void>[] = []
  #stopping = false

  private constructor(options: KeptOptions) {
    this.#options = options
  }

  static async start(options: KeptOptions): Promise<KeptLoad> {
    const load = new KeptLoad(options)
    for (let index = 0; index < options.count; index++) {
      const now = await load.#open()
      load.#clients.push({ port: now.localPort, now, answers: 0 })
    }
    load.#runs = load.#clients.map((client, index) => load.#run(client, index))
    return load
  }

  /** How many clients have the connection that they began with, open. */
  get same(): number {
    return this.#clients.filter(
      ({ port, now }) => now.ended === undefined && now.localPort === port,
    ).length
  }

  /** Resolves when every client has had so many more answers. */
  async more(answers: number): Promise<void> {
    const enough = this.#clients.map((client) => client.answers + answers)
    await until(
      `${answers} more answers on each kept connection`,
      () => this.#clients.every((client, index) => client.answers >= (enough[index] as number)),
      DEADLINE_MS,
    )
  }

  /** Lets what is under way end; {@link same} is read before {@link close}. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#runs)
  }

  close(): void {
    for (const { now } of this.#clients) now.close()
  }

  #open(): Promise<KeptConnection> {
    return KeptConnection.open(this.#options.target, (connection) => this.#ended(connection))
  }

  /** Judged in the moment in which it ends: whatever excused it is over soon. */
  #ended({ ended, askedAt, usedBy, answeredAt, localPort }: KeptConnection): void {
    if (this.#options.death.excuses({ begunAt: askedAt, usedBy, answeredAt })) {
      this.cut++
      return
    }
    this.closed++
    const when = askedAt === undefined ? 'at rest' : 'with a request under way'
    this.failures.push(`kept connection ${localPort}, last used by ${usedBy}: ${ended} ${when}`)
  }

  async #run(client: Client, index: number): Promise<void> {
    const { thinkMs, seed, tally, death } = this.#options
    const random = seeded(seed + index)
    while (!this.#stopping) {
      await pause(random() * thinkMs)
      const startedAt = performance.now()
      if (client.now.ended !== undefined) {
        const opened = await this.#open().catch((error: unknown) => `${error}`)
        if (typeof opened === 'string') {
          const ms = performance.now() - startedAt
          tally.add('kept', { kind: 'refused', detail: opened, pid: undefined, ms })
          continue
        }
        client.now = opened
      }
      const { now } = client
      const { usedBy, answeredAt } = now
      const { kind, detail } = await now.ask()
      const ms = performance.now() - startedAt
      if (kind === 'ok') this.durationsMs.push(ms)
      // Of a failed request only the answer before it is known.
      const pid = kind === 'ok' ? now.usedBy : usedBy
      tally.add('kept', death.judge({ kind, detail, pid, ms, answeredAt }))
      client.answers++
    }
  }
}
