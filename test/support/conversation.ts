// A client that writes raw bytes: for requests that no HTTP library would send.

import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Target } from './load/send.ts'
import { Output } from './output.ts'
import { until } from './until.ts'

export class Conversation {
  /** What the server said, by lines. */
  readonly heard: Output
  readonly socket: Socket

  private constructor(socket: Socket) {
    this.socket = socket
    this.heard = new Output().collect(socket)
    // A reset ends the conversation; what was heard until then tells the rest.
    socket.on('error', (error) => this.heard.lines.push(`${error}`))
    socket.on('close', () => this.heard.end())
  }

  static async begin(target: Target): Promise<Conversation> {
    const { host = '127.0.0.1', port, socketPath } = target
    const options = socketPath === undefined ? { host, port } : { path: socketPath }
    const socket = connect({ ...options, allowHalfOpen: true } as NetConnectOpts)
    await once(socket, 'connect')
    return new Conversation(socket)
  }

  say(text: string): void {
    this.socket.write(text)
  }

  /** Resolves with the status lines once so many came, or the server has closed the connection. */
  async statusLines(count: number): Promise<string[]> {
    const heard = () => this.heard.lines.filter((line) => line.startsWith('HTTP/'))
    const ended = () => this.socket.readableEnded || this.socket.destroyed
    await until(`${count} replies`, () => heard().length >= count || ended())
    this.socket.destroy()
    return heard().map((line) => line.trimEnd())
  }
}
