// A client of the property test: plays its script, and keeps every byte that it got.

import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { turns } from './scripted-server.ts'
import type { Pause } from './scripts.ts'

const deadlineMs = 5_000

/** A handoff that takes more turns may be waiting for this client. */
const handoffTurns = 400

/** What a client may wait for. */
export interface Handoffs {
  /** How many have committed so far. */
  commits(): number
  /** Resolves when no more begins. */
  over: Promise<unknown>
}

/** What a client says, whatever protocol it speaks. */
export interface Lines {
  /** Each is answered once, with `[end ` somewhere in the answer. */
  questions: Buffer[]
  /** How much of them is said, in bytes. */
  said: number
  /** Where that is cut, as fractions of its length. */
  cuts: readonly number[]
  /** One for each piece, over and over. */
  pauses: readonly Pause[]
  /** It closes its side without waiting for the answers. */
  hurries: boolean
  /** It resets the connection after the last pause, whatever is still unanswered. */
  resets: boolean
  /** One more question when no more handoff comes: the connection has to be as good as ever. */
  farewell: Buffer | undefined
  /** Said last. */
  goodbye: Buffer
}

/** The connection of a client. */
export interface Line {
  /** Emits `connect` when the client may write. */
  stream: Duplex
  /** Ends the connection by a RST. */
  reset(): void
  /** Returns how the server has ended it, as far as the bytes do not say it. */
  ending(): string
}

/** A connection in clear text. */
export function clearLine(port: number): Line {
  const stream = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  return { stream, reset: () => void stream.resetAndDestroy(), ending: () => '' }
}

export class ScriptedClient {
  readonly #line: Line
  readonly #socket: Duplex
  readonly #pieces: Buffer[] = []
  #tail = ''
  #answers = 0
  #ended = false
  #error: string | undefined

  constructor(line: Line) {
    this.#line = line
    this.#socket = line.stream
    this.#socket.on('data', (data) => this.#hear(data))
    this.#socket.on('end', () => {
      this.#ended = true
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
  }

  /** @returns everything that came until the server closed the connection, or the client reset it. */
  async play(lines: Lines, handoffs: Handoffs): Promise<string> {
    await once(this.#socket, 'connect')
    const { questions, pauses } = lines
    let sent = 0
    const asked = () => wholeIn(questions, sent)
    for (const [index, piece] of cut(lines).entries()) {
      this.#socket.write(piece)
      sent += piece.length
      await this.#pause(pauses[index % pauses.length] as Pause, asked(), handoffs)
    }
    if (lines.resets) {
      this.#line.reset()
      return this.#heard
    }
    if (lines.hurries) this.#socket.end()
    await this.#hears(asked())
    if (lines.farewell !== undefined) {
      await handoffs.over
      this.#socket.write(lines.farewell)
      await this.#hears(asked() + 1)
    }
    if (!lines.hurries) this.#socket.end(lines.goodbye)
    await this.#hears(Number.POSITIVE_INFINITY)
    return `${this.#heard}${this.#error ?? ''}${this.#line.ending()}`
  }

  close(): void {
    this.#socket.destroy()
  }

  get #heard(): string {
    return Buffer.concat(this.#pieces).toString('latin1')
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
        throw new Error(`${this.#answers} answers of ${answers}: ${this.#heard.slice(-500)}`)
      }
      await turns(1)
    }
  }
}

/** How many of them are whole in so many bytes. */
function wholeIn(questions: readonly Buffer[], bytes: number): number {
  let left = bytes
  return questions.filter(({ length }) => {
    left -= length
    return left >= 0
  }).length
}

function cut({ questions, said, cuts }: Lines): Buffer[] {
  const bytes = Buffer.concat(questions).subarray(0, said)
  const inner = cuts.map((at) => Math.floor(at * said))
  const edges = [...new Set([0, ...inner, said])].sort((a, b) => a - b)
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index], to))
}
