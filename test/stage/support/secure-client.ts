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
    const found = await until('an answer comes', () => {
      const match = /^HTTP\/1\.1 (\d+) [\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/i.exec(
        this.heard,
      )
      if (match === null || this.errors.length > 0 || this.ended) {
        return this.errors.length > 0 || this.ended ? { failed: true as const } : undefined
      }
      const body = this.heard.slice(match[0].length, match[0].length + Number(match[2]))
      return body.length === Number(match[2]) ? { body } : undefined
    })
    expect({ errors: this.errors, ended: this.ended }).toEqual({ errors: [], ended: false })
    return 'body' in found ? found.body : ''
  }

  async hears(text: string): Promise<void> {
    await until(`it hears ${text}`, () => this.heard.includes(text))
  }
}
