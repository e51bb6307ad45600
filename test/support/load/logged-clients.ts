// Clients whose requests have numbers, so that the log of a server shows which of them it began.

import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { seeded } from './random.ts'
import { sharedNow } from './recorder.ts'

/** A request that was sent and not answered. */
export interface LostRequest {
  readonly id: number
  /** The port of its client, which other connections had before. */
  readonly port: number
  /** When the client began to connect, by the clock that all processes share. */
  readonly openedAt: number
  /** The process that gave the last answer on its connection; undefined if there was none. */
  readonly usedBy: string | undefined
  /** When that was whole, by the same clock. */
  readonly answeredAt: number | undefined
  /** When the client noticed the loss, by the same clock. */
  readonly lostAt: number
  readonly error: string
}

export interface LoggedClientsOptions {
  readonly port: number
  /** Clients that keep their connection. */
  readonly kept: number
  /** Clients that open a connection for each request. */
  readonly fresh: number
  readonly seed: number
}

/** @remarks Nothing is sent twice. A client whose connection ends opens another one. */
export class LoggedClients {
  readonly lost: LostRequest[] = []
  /** Connections that could not be opened. */
  readonly refused: string[] = []
  answered = 0
  readonly #options: LoggedClientsOptions
  readonly #running: Promise<unknown>
  #nextId = 0
  #stopping = false

  constructor(options: LoggedClientsOptions) {
    this.#options = options
    const { kept, fresh } = options
    this.#running = Promise.all(
      Array.from({ length: kept + fresh }, (_, index) => this.#run(index, index < kept)),
    )
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(index: number, keeps: boolean): Promise<void> {
    const random = seeded(this.#options.seed + index)
    while (!this.#stopping) {
      try {
        await this.#talk(random, keeps)
      } catch (error) {
        this.refused.push(`${error}`)
      }
    }
  }

  /** Uses one connection, to its end or for one request. */
  async #talk(random: () => number, keeps: boolean): Promise<void> {
    const openedAt = sharedNow()
    const socket = connect({ host: '127.0.0.1', port: this.#options.port })
    await once(socket, 'connect')
    const { port } = socket.address() as AddressInfo
    let usedBy: string | undefined
    let answeredAt: number | undefined
    socket.setNoDelay(true).setEncoding('latin1')
    do {
      await pause(random() * 10)
      if (socket.destroyed || socket.readableEnded) break
      const id = this.#nextId++
      const reply = await ask(socket, id)
      if (!reply.startsWith('HTTP/1.1 200')) {
        this.lost.push({
          id,
          port,
          openedAt,
          usedBy,
          answeredAt,
          lostAt: sharedNow(),
          error: reply,
        })
        break
      }
      this.answered += 1
      usedBy = /^x-pid: (\d+)/im.exec(reply)?.[1]
      answeredAt = sharedNow()
      if (/^connection: close/im.test(reply)) break
    } while (keeps && !this.#stopping)
    socket.destroy()
  }
}

/** Resolves with the answer, or with why there is none. */
function ask(socket: Socket, id: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const finish = (result: string) => {
      socket.removeAllListeners().on('error', () => {})
      resolve(result)
    }
    socket.on('data', (data) => {
      text += data
      if (text.endsWith('hello\n')) finish(text)
    })
    socket.on('error', (error) => finish(`${error}`))
    socket.on('end', () => finish(`ended after ${text.length} bytes`))
    socket.on('close', () => finish(`closed after ${text.length} bytes`))
    socket.write(`GET / HTTP/1.1\r\nHost: test\r\nx-id: ${id}\r\n\r\n`)
  })
}
