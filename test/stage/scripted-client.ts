// A client of the property test: plays its script, and keeps every byte that it got.

import { once } from 'node:events'
import net from 'node:net'
import { turns } from './scripted-server.ts'
import { type Pause, render, type Script, type ScriptedRequest } from './scripts.ts'

const deadlineMs = 5_000

/** A handoff that takes more turns may be waiting for this client. */
const handoffTurns = 60

/** What a client may wait for. */
export interface Handoffs {
  /** How many have committed so far. */
  commits(): number
  /** Resolves when no more begins. */
  over: Promise<unknown>
}

/** What is said when everything is over: the connection has to be as good as ever. */
const farewell: ScriptedRequest = {
  version: '1.1',
  body: [],
  chunked: false,
  trailer: false,
  expect: false,
  emptyLine: false,
  answer: { wait: 0, pieces: 0, size: 0, chunked: false, early: false },
}

export class ScriptedClient {
  readonly #socket: net.Socket
  readonly #pieces: Buffer[] = []
  #tail = ''
  #answers = 0
  #ended = false
  #error: string | undefined

  constructor(port: number) {
    this.#socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    this.#socket.on('data', (data) => this.#hear(data))
    this.#socket.on('end', () => {
      this.#ended = true
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
  }

  /** @returns everything that came until the server closed the connection. */
  async play({ requests, cuts, pauses, ends }: Script, handoffs: Handoffs): Promise<string> {
    await once(this.#socket, 'connect')
    const closes = ends === 'close'
    const rendered = requests.map((request, index) =>
      render(request, index, closes && index === requests.length - 1),
    )
    const whole = Buffer.concat(rendered)
    const last = rendered.at(-1)?.length ?? 0
    // Cut short, or all of it.
    const bytes = ends === 'cut' ? whole.subarray(0, whole.length - Math.ceil(last / 2)) : whole
    const boundaries = rendered.map(
      (_, index) => Buffer.concat(rendered.slice(0, index + 1)).length,
    )
    let sent = 0
    for (const [index, piece] of cut(bytes, cuts).entries()) {
      this.#socket.write(piece)
      sent += piece.length
      const asked = boundaries.filter((end) => end <= sent).length
      await this.#pause(pauses[index % pauses.length] as Pause, asked, handoffs)
    }
    const asked = boundaries.filter((end) => end <= sent).length
    if (ends === 'half') this.#socket.end()
    await this.#hears(asked)
    if (ends === 'no') {
      await handoffs.over
      this.#socket.write(render(farewell, requests.length))
      await this.#hears(asked + 1)
    }
    this.#socket.end()
    await this.#hears(Number.POSITIVE_INFINITY)
    return `${Buffer.concat(this.#pieces).toString('latin1')}${this.#error ?? ''}`
  }

  close(): void {
    this.#socket.destroy()
  }

  get #isOver(): boolean {
    return this.#ended || this.#socket.destroyed
  }

  #hear(data: Buffer): void {
    this.#pieces.push(data)
    // One that came in two pieces counts with its second.
    const parts = (this.#tail + data.toString('latin1')).split('[end ')
    this.#answers += parts.length - 1
    this.#tail = (parts.at(-1) as string).slice(-4)
  }

  async #pause(pause: Pause, asked: number, { commits }: Handoffs): Promise<void> {
    if (pause.answered) await this.#hears(asked)
    const before = commits()
    for (let turn = 0; pause.handoff && turn < handoffTurns && commits() === before; turn++) {
      await turns(1)
    }
    if (pause.deaf) this.#socket.pause()
    await turns(pause.turns)
    this.#socket.resume()
  }

  async #hears(answers: number): Promise<void> {
    const endsAt = performance.now() + deadlineMs
    while (this.#answers < answers && !this.#isOver) {
      if (performance.now() > endsAt) {
        const heard = Buffer.concat(this.#pieces).toString('latin1')
        throw new Error(`${this.#answers} answers of ${answers}: ${heard.slice(-500)}`)
      }
      await turns(1)
    }
  }
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const inner = cuts.map((at) => Math.floor(at * bytes.length))
  const edges = [...new Set([0, ...inner, bytes.length])].sort((a, b) => a - b)
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index], to))
}
