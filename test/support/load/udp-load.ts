// Datagrams, each sent once and waited for.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { rest } from './rest.ts'
import { Tally } from './tally.ts'

/** Ten seconds without an answer: the datagram or its echo was lost. */
const DEADLINE_MS = 10_000

/** Clients that send a numbered datagram, wait for its echo, rest a moment, and send the next. */
export class UdpLoad {
  readonly tally = new Tally()
  readonly #clients: Promise<void>[]
  readonly #restMs: number
  #stopping = false

  /** @param restMs - the mean time between an echo and the next datagram, in milliseconds, as in `Load`. */
  constructor(port: number, clients = 8, restMs = 25) {
    this.#restMs = restMs
    this.#clients = Array.from({ length: clients }, (_, i) => this.#client(port, i))
  }

  async stop(): Promise<Tally> {
    this.#stopping = true
    await Promise.all(this.#clients)
    return this.tally
  }

  async #client(port: number, number: number): Promise<void> {
    const socket = createSocket('udp4')
    for (let i = 0; !this.#stopping; i++) {
      const startedAt = performance.now()
      const sent = `${number}.${i}`
      socket.send(sent, port, '127.0.0.1')
      const answer = await once(socket, 'message', {
        signal: AbortSignal.timeout(DEADLINE_MS),
      }).then(
        ([data]) => `${data}`,
        () => undefined,
      )
      const [echo, pid] = answer?.split(' ') ?? []
      const kind = answer === undefined ? 'timeout' : echo === sent ? 'ok' : 'wrongBody'
      const ms = performance.now() - startedAt
      this.tally.add('datagram', { kind, detail: `sent ${sent}, got ${answer}`, pid, ms })
      if (!this.#stopping) await rest(this.#restMs)
    }
    socket.close()
  }
}
