// The control endpoint: HTTP and JSON on a Unix socket, for the command line and for curl.

import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { HandoffError } from '../errors.ts'
import { changeNames, readChange } from './program.ts'
import { reloadWithLines } from './reload.ts'
import type { Supervisor } from './supervisor.ts'

/** How long a client that does not read may delay the end of the supervisor. */
const farewellTimeoutMs = 1_000

type Handler = (supervisor: Supervisor, response: ServerResponse, query: URLSearchParams) => void

/** Path → its method and what it does. */
const routes: Record<string, { method: 'GET' | 'POST'; handle: Handler }> = {
  '/status': {
    method: 'GET',
    handle: (supervisor, response) => answer(response, 200, supervisor.status()),
  },
  '/reload': { method: 'POST', handle: reload },
  // Answered when the run has ended: see close().
  '/stop': { method: 'POST', handle: (supervisor) => supervisor.stop() },
}

export class Control {
  readonly #server: Server
  readonly #path: string
  /** Who waits for the end of the run. */
  readonly #waiting = new Set<ServerResponse>()

  private constructor(supervisor: Supervisor, path: string) {
    this.#path = path
    this.#server = createServer((request, response) => this.#handle(supervisor, request, response))
  }

  /**
   * Listens at `path`, in place of the socket that a killed supervisor left.
   *
   * @remarks Only the holder of the supervisor's lock may call it.
   */
  static async open(supervisor: Supervisor, path: string): Promise<Control> {
    const control = new Control(supervisor, path)
    rmSync(path, { force: true })
    control.#server.listen(path)
    await once(control.#server, 'listening')
    chmodSync(path, 0o600)
    return control
  }

  /** Takes no more commands. Who waits for the end is told by the function that it returns. */
  close(): () => void {
    this.#server.close()
    rmSync(this.#path, { force: true })
    return () => {
      for (const response of this.#waiting) answer(response, 200, { ok: true })
      setTimeout(() => this.#server.closeAllConnections(), farewellTimeoutMs).unref()
    }
  }

  #handle(supervisor: Supervisor, request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (route === undefined) {
      const message = `no such path: ${path} (there are ${Object.keys(routes).join(', ')})`
      return answer(response, 404, { code: 'NOT_FOUND', message })
    }
    if (request.method !== route.method) {
      response.setHeader('Allow', route.method)
      const message = `${path} takes ${route.method}, not ${request.method}`
      return answer(response, 405, { code: 'METHOD_NOT_ALLOWED', message })
    }
    if (path === '/stop') {
      this.#waiting.add(response)
      response.once('close', () => this.#waiting.delete(response))
    }
    route.handle(supervisor, response, new URLSearchParams(query))
  }
}

function reload(supervisor: Supervisor, response: ServerResponse, query: URLSearchParams): void {
  const unknown = [...query.keys()].find((name) => name !== 'wait' && !changeNames.includes(name))
  if (unknown !== undefined) {
    const message = `cannot reload with ${unknown}: /reload takes wait, ${changeNames.join(', ')}`
    return answer(response, 400, { code: 'ERR_HANDOFF_INVALID_OPTION', message })
  }
  const wait = query.get('wait')
  if (wait !== null && wait !== 'exit') {
    const message = `cannot wait for ${wait}: wait takes exit`
    return answer(response, 400, { code: 'ERR_HANDOFF_INVALID_OPTION', message })
  }
  try {
    const done = reloadWithLines(supervisor, {
      waitForExit: wait === 'exit',
      change: readChange(query),
      write: (line) => response.write(`${JSON.stringify(line)}\n`),
    })
    // Sent now, so that the client knows that the reload has begun.
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders()
    void done.finally(() => response.end())
  } catch (error) {
    if (!(error instanceof HandoffError)) throw error
    const status = error.code === 'ERR_HANDOFF_INVALID_OPTION' ? 400 : 409
    answer(response, status, { code: error.code, message: error.message })
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}
