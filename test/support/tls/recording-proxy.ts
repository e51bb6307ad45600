// A proxy between clients and a secure server that reads all bytes: each must belong to a TLS record.

import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { RecordSplitter } from './record-splitter.ts'

/** Words of the protocols above TLS: in clear text they would be on the wire. */
const clearText = /HTTP\/1\.1|x-pid|hello\n|GET \/|POST \//

export class RecordingProxy {
  /** What was on the wire and should not have been. */
  readonly faults: string[] = []
  /** How many connections came. */
  connections = 0
  /** Bytes from the server. */
  bytes = 0
  readonly #server: net.Server
  readonly #sockets = new Set<Socket>()

  private constructor(to: number) {
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.connections++
      const where = { host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true }
      const server = net.connect(where)
      this.#pass(client, server, 'client')
      this.#pass(server, client, 'server')
    })
  }

  /** Listens on a free port, and passes all on to this one until the test ends. */
  static async start(to: number): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(to)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      for (const socket of proxy.#sockets) socket.destroy()
      proxy.#server.close()
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #pass(from: Socket, to: Socket, side: 'client' | 'server'): void {
    this.#sockets.add(from)
    const splitter = new RecordSplitter()
    from.on('data', (data) => {
      if (side === 'server') this.bytes += data.length
      const clear = clearText.exec(data.toString('latin1'))
      if (clear !== null) this.faults.push(`clear text of the ${side}: ${clear}`)
      try {
        splitter.push(data)
      } catch (error) {
        this.faults.push(`the ${side}: ${error}`)
      }
      if (!to.write(data)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
    from.on('end', () => {
      if (splitter.pending > 0) this.faults.push(`the ${side} ended within a record`)
      to.end()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => this.#sockets.delete(from))
  }
}
