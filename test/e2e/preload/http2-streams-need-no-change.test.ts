// A server that answers HTTP/2 streams itself, as gRPC servers do, under clients that never retry.

import { once } from 'node:events'
import http2 from 'node:http2'
import { expect, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'
import { openHttp2Proxy } from '../../support/http2-proxy.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

const HANDOFFS = 5

const { NGHTTP2_REFUSED_STREAM } = http2.constants

/** One client, as gRPC's: a session until the server says GOAWAY, then another. */
class StreamClient {
  readonly failures: string[] = []
  /** Streams that the client's own nghttp2 refused: it read GOAWAY before it could send them. */
  readonly unsent: { port: number; id: number }[] = []
  readonly pids = new Set<string>()
  calls = 0
  readonly #port: number
  readonly #open = new Set<Promise<void>>()
  #session: http2.ClientHttp2Session | undefined
  #calling = true

  constructor(port: number) {
    this.#port = port
  }

  /** Calls a path again and again, each time when the call before has ended. */
  async keepCalling(path: string): Promise<void> {
    while (this.#calling) await this.#call(path)
  }

  async stop(): Promise<void> {
    this.#calling = false
    await Promise.all(this.#open)
    this.#session?.close()
  }

  async #call(path: string): Promise<void> {
    const call = this.#ask(path)
    this.#open.add(call)
    await call
    this.#open.delete(call)
  }

  async #ask(path: string): Promise<void> {
    this.calls += 1
    const session = this.#connected()
    const stream = session.request({ ':method': 'POST', ':path': path })
    const port = session.socket.localPort ?? 0
    try {
      const trailers = once(stream, 'trailers')
      let text = ''
      stream.setEncoding('utf8').on('data', (data) => {
        text += data
      })
      for (const message of ['.', '.', '.']) stream.write(message)
      stream.end()
      const [{ 'grpc-status': status }] = await trailers
      if (!stream.readableEnded) await once(stream, 'end')
      if (status !== '0') this.failures.push(`${path}: status ${status}`)
      this.pids.add(text.replaceAll('.', ''))
    } catch (error) {
      const left = session !== this.#session && stream.rstCode === NGHTTP2_REFUSED_STREAM
      if (left) this.unsent.push({ port, id: Number(stream.id) })
      else this.failures.push(`${path}: ${error}`)
    }
  }

  #connected(): http2.ClientHttp2Session {
    const session = this.#session ?? http2.connect(`http://127.0.0.1:${this.#port}`)
    if (session === this.#session) return session
    this.#session = session
    const leave = () => {
      if (this.#session === session) this.#session = undefined
    }
    session.on('goaway', leave).on('close', leave).on('error', leave)
    return session
  }
}

test(`unary calls and streams that have trailers end well in ${HANDOFFS} handoffs`, async () => {
  const port = await freePort()
  const run = await startRun('unmodified/http2-streams.cjs', { args: [String(port)] })
  const proxy = await openHttp2Proxy(port)
  const clients = Array.from({ length: 3 }, () => new StreamClient(proxy.port))
  const calling = clients.flatMap((client) =>
    ['/unary', '/unary', '/many', '/echo'].map((path) => client.keepCalling(path)),
  )
  for (let processes = 1; processes <= HANDOFFS; processes++) {
    const known = () => clients.every(({ pids }) => pids.size === processes)
    await until('each client has answers of the process', known)
    await run.reloadWell()
  }
  await Promise.all(clients.map((client) => client.stop()))
  await Promise.all(calling)
  for (const [, { unprocessed, goaways }] of proxy.connections) {
    expect(unprocessed, `after GOAWAY ${goaways}`).toEqual([])
  }
  for (const { failures, unsent, calls, pids } of clients) {
    expect(failures).toEqual([])
    const sent = unsent.filter(({ port, id }) => proxy.connections.get(port)?.begun.has(id))
    expect(sent).toEqual([])
    expect(calls).toBeGreaterThan(HANDOFFS)
    expect(pids.size).toBeGreaterThanOrEqual(HANDOFFS)
  }
  await run.stop()
})
