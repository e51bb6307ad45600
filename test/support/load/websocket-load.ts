// WebSockets that send numbered messages without end, each waiting for nothing.

import { once } from 'node:events'
import WebSocket from 'ws'
import { until } from '../until.ts'

/** As the promise names it: a message each 50 ms. */
const everyMs = 50

interface Client {
  socket: WebSocket
  sent: number
  /** Numbers that came back, in their order, with the count that the server kept. */
  echoed: string[]
  closed: string | undefined
  timer: NodeJS.Timeout
}

export class WebSocketLoad {
  /** Processes that answered. */
  readonly pids = new Set<string>()
  readonly #clients: Client[] = []

  /** Opens so many connections to each of the hosts. */
  static async start(port: number, count: number, hosts = ['127.0.0.1']): Promise<WebSocketLoad> {
    const load = new WebSocketLoad()
    for (let index = 0; index < count; index++) {
      await load.#open(`ws://${hosts[index % hosts.length]}:${port}/`)
    }
    return load
  }

  /** Resolves when every connection has heard so many more answers. */
  async more(answers: number): Promise<void> {
    const enough = this.#clients.map(({ echoed }) => echoed.length + answers)
    await until(`${answers} more answers`, () =>
      this.#clients.every(
        ({ echoed, closed }, index) =>
          closed !== undefined || echoed.length >= (enough[index] as number),
      ),
    )
  }

  /** Sends no more, waits for the last answer, and tells what went wrong. */
  async stop(): Promise<string[]> {
    for (const { timer } of this.#clients) clearInterval(timer)
    await until('the last answers', () =>
      this.#clients.every(
        ({ echoed, sent, closed }) => closed !== undefined || echoed.length >= sent,
      ),
    )
    const failures = this.#clients.flatMap(({ sent, echoed, closed }, index) => {
      const expected = Array.from({ length: sent }, (_, number) => `${number + 1} ${number + 1}`)
      const wrong = expected.findIndex((text, number) => echoed[number] !== text)
      if (closed !== undefined) return [`connection ${index} was closed: ${closed}`]
      if (wrong < 0 && echoed.length === sent) return []
      return [
        `connection ${index}: ${echoed.length} of ${sent}, wrong from ${wrong}: ${echoed[wrong]}`,
      ]
    })
    for (const { socket } of this.#clients) socket.close()
    await Promise.all(
      this.#clients.map(({ socket }) => socket.readyState === 3 || once(socket, 'close')),
    )
    return failures
  }

  async #open(url: string): Promise<void> {
    const socket = new WebSocket(url)
    await once(socket, 'open')
    const client: Client = {
      socket,
      sent: 0,
      echoed: [],
      closed: undefined,
      timer: setInterval(() => socket.send(String(++client.sent)), everyMs),
    }
    this.#clients.push(client)
    socket.on('message', (data) => {
      const [number, count, pid = ''] = String(data).split(' ')
      client.echoed.push(`${number} ${count}`)
      this.pids.add(pid)
    })
    socket.on('close', (code, reason) => {
      client.closed = `${code} ${reason}`
      clearInterval(client.timer)
    })
    socket.on('error', (error) => {
      client.closed = String(error)
    })
  }
}
