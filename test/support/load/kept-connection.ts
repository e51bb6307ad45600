// One HTTP/1.1 connection, never replaced behind our back as an agent would, and nothing sent twice.

import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Target } from './send.ts'
import type { Kind } from './tally.ts'

const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const expectedBody = 'hello\n'

/** As the other clients: far beyond the longest reply on a busy machine. */
export const DEADLINE_MS = 60_000

export interface Answer {
  kind: Kind
  detail: string
}

export class KeptConnection {
  /** What tells this connection from any other at this server. */
  readonly localPort: number
  /** The process that gave the last answer. */
  usedBy: string | undefined
  /** When that was whole. */
  answeredAt: number | undefined
  /** Why it has ended. */
  ended: string | undefined
  /** When the request under way was sent; undefined between two requests. */
  askedAt: number | undefined
  readonly #socket: Socket
  readonly #onEnd: (connection: KeptConnection) => void
  #heard = ''
  #answer: ((answer: Answer) => void) | undefined

  private constructor(socket: Socket, onEnd: (connection: KeptConnection) => void) {
    this.#socket = socket
    this.#onEnd = onEnd
    this.localPort = (socket.address() as AddressInfo).port
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (text: string) => this.#hear(text))
    socket.on('error', (error) => this.#end(`${error}`))
    socket.on('end', () => this.#end('closed by the server'))
    socket.on('close', () => this.#end('closed'))
  }

  /** @param onEnd - told once when the server ends it, before the request under way fails. */
  static async open(
    { host = '127.0.0.1', port = 0, ca }: Target,
    onEnd: (connection: KeptConnection) => void,
  ): Promise<KeptConnection> {
    const socket = ca === undefined ? connect({ host, port }) : tls.connect({ host, port, ca })
    await once(socket, ca === undefined ? 'connect' : 'secureConnect')
    return new KeptConnection(socket, onEnd)
  }

  /** Sends one request and resolves with what became of it. */
  ask(): Promise<Answer> {
    return new Promise((resolve) => {
      const deadline = setTimeout(
        () => this.#settle('timeout', `no answer in ${DEADLINE_MS} ms`),
        DEADLINE_MS,
      )
      this.#answer = (answer) => {
        clearTimeout(deadline)
        this.askedAt = undefined
        resolve(answer)
      }
      this.askedAt = performance.now()
      if (this.ended !== undefined) this.#settle('reset', this.ended)
      else this.#socket.write(request)
    })
  }

  close(): void {
    this.ended ??= 'closed by the client'
    this.#socket.destroy()
  }

  #hear(text: string): void {
    this.#heard += text
    if (this.#answer === undefined) return this.#break(`unasked: ${this.#heard}`)
    const headEnd = this.#heard.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = this.#heard.slice(0, headEnd)
    const bytes = Number(/^content-length: (\d+)/im.exec(head)?.[1])
    const body = this.#heard.slice(headEnd + 4)
    // A reply without a length would be NaN, and never whole.
    if (body.length < bytes) return
    if (body.length > bytes) return this.#break(`unasked: ${body.slice(bytes)}`)
    this.#heard = ''
    this.answeredAt = performance.now()
    this.usedBy = /^x-pid: (\d+)/im.exec(head)?.[1]
    if (!head.startsWith('HTTP/1.1 200 ')) this.#settle('non2xx', head)
    else if (body !== expectedBody) this.#settle('wrongBody', `${head}\n${body}`)
    else if (/^connection: close/im.test(head)) {
      this.#settle('dismissed', head)
      this.#break('closed by `Connection: close`') // The client closes too, and sends nothing more.
    } else this.#settle('ok')
  }

  #settle(kind: Kind, detail = ''): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.({ kind, detail })
  }

  #break(reason: string): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  #end(reason: string): void {
    if (this.ended !== undefined) return
    this.ended = reason
    this.#onEnd(this)
    this.#settle(this.#heard === '' ? 'reset' : 'truncated', reason)
  }
}
