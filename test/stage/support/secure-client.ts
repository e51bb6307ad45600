// Clients of TLS servers in the stage tests: each asks several times on one connection.

import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { until } from '../../support/until.ts'
import { tls as identity } from './tls.ts'

/** A connection that stays open, with all that was heard on it. */
export class SecureClient {
  readonly socket: TLSSocket
  heard = ''
  ended = false
  readonly errors: Error[] = []

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.heard += data.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error) => this.errors.push(error))
    onTestFinished(() => void socket.destroy())
  }

  static async connect(server: Server, options: ConnectionOptions = {}): Promise<SecureClient> {
    const { port } = server.address() as AddressInfo
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: identity.cert,
      checkServerIdentity: () => undefined,
      ...options,
    })
    const client = new SecureClient(socket)
    await once(socket, 'secureConnect')
    return client
  }

  /** Sends a request, and returns the body of the answer. */
  async ask(path = '/', head = ''): Promise<string> {
    this.heard = ''
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${head}\r\n`)
    return await this.answer()
  }

  /** Returns the body of the answer that comes next. */
  async answer(): Promise<string> {
    const body = await until('an answer comes', () => this.#body ?? (this.#isOver || undefined))
    expect({ body, errors: this.errors }).toEqual({ body: expect.any(String), errors: [] })
    return body as string
  }

  get #isOver(): boolean {
    return this.ended || this.errors.length > 0
  }

  get #body(): string | undefined {
    const head = /^HTTP\/1\.1 \d+ [\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/i.exec(this.heard)
    const length = Number(head?.[1])
    const body = this.heard.slice(head?.[0].length)
    return body.length === length ? body : undefined
  }

  async hears(text: string): Promise<void> {
    await until(`it hears ${text}`, () => this.heard.includes(text))
  }
}
