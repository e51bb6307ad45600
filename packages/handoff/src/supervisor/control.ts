// The control endpoint: HTTP and JSON on a Unix socket, for the command line and for curl.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { HandoffError } from '../errors.ts'
import { bindUnix } from '../io/bind.ts'
import type { Fleet, ReloadRequest } from './fleet.ts'
import { changeNames, readChange } from './program.ts'
import { reloadWithLines } from './reload.ts'
import { type Release, readRelease, type Upgrade } from './upgrade.ts'
import { mostWorkers, readWorkerCount } from './worker-count.ts'

/** How long a client that does not read may delay the end of the supervisor. */
const farewellTimeoutMs = 1_000

/** What the commands act on. */
export interface Run {
  readonly fleet: Fleet
  /** Checks that the other release can, and gives what makes this process that one. */
  upgrade(to: Release): Promise<Upgrade>
}

type Handler = (run: Run, response: ServerResponse, query: URLSearchParams) => void

/** Path → its method and what it does. */
const routes: Record<string, { method: 'GET' | 'POST'; handle: Handler }> = {
  '/status': {
    method: 'GET',
    handle: ({ fleet }, response) => answer(response, 200, fleet.status()),
  },
  '/reload': { method: 'POST', handle: reload },
  '/upgrade': { method: 'POST', handle: upgrade },
  // Answered when the run has ended: see close().
  '/stop': { method: 'POST', handle: ({ fleet }) => fleet.stop() },
}

export class Control {
  /** Of the socket; the server's. */
  readonly fd: number
  readonly #server: Server
  readonly #path: string
  /** Who waits for the end of the run. */
  readonly #waiting = new Set<ServerResponse>()

  private constructor(run: Run, path: string, fd: number) {
    this.fd = fd
    this.#path = path
    this.#server = createServer((request, response) => this.#handle(run, request, response))
  }

  /**
   * Listens at `path`, in place of the socket that a killed supervisor left.
   *
   * @param resumed - the socket of the release before in this process, which is there already.
   * @remarks Only the holder of the supervisor's lock may call it.
   */
  static async open(run: Run, path: string, resumed?: number): Promise<Control> {
    if (resumed === undefined) rmSync(path, { force: true })
    const fd = resumed ?? bindUnix({ path, mode: 0o600 })
    const control = new Control(run, path, fd)
    control.#server.listen({ fd })
    await once(control.#server, 'listening')
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

  #handle(run: Run, request: IncomingMessage, response: ServerResponse): void {
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
    route.handle(run, response, new URLSearchParams(query))
  }
}

function reload({ fleet }: Run, response: ServerResponse, query: URLSearchParams): void {
  try {
    const done = reloadWithLines(fleet, {
      ...readRequest(query),
      write: (line) => response.write(`${JSON.stringify(line)}\n`),
    })
    // Sent now, so that the client knows that the reload has begun.
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders()
    void done.finally(() => response.end())
  } catch (error) {
    refuse(response, error)
  }
}

/**
 * Answers before it happens. The answer has no end then: that of the connection comes from the kernel,
 * when this process is another program. A second line tells why it is not.
 */
function upgrade(run: Run, response: ServerResponse, query: URLSearchParams): void {
  const upgraded = async () => {
    const { release, begin } = await run.upgrade(readRelease(query))
    const write = promisify((line: object, written: () => void) =>
      response.write(`${JSON.stringify(line)}\n`, written),
    )
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    await write({ release })
    try {
      begin()
    } catch (error) {
      if (!(error instanceof HandoffError)) throw error
      response.end(`${JSON.stringify({ code: error.code, message: error.message })}\n`)
    }
  }
  upgraded().catch((error: unknown) => refuse(response, error))
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof HandoffError)) throw error
  const status = error.code === 'ERR_HANDOFF_INVALID_OPTION' ? 400 : 409
  answer(response, status, { code: error.code, message: error.message })
}

const parameters = ['wait', 'workers', 'parallel', ...changeNames]

/** @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION */
function readRequest(query: URLSearchParams): ReloadRequest & { waitForExit: boolean } {
  const unknown = [...query.keys()].find((name) => !parameters.includes(name))
  if (unknown !== undefined) {
    throw invalid(`cannot reload with ${unknown}: /reload takes ${parameters.join(', ')}`)
  }
  const wait = query.get('wait')
  if (wait !== null && wait !== 'exit') throw invalid(`cannot wait for ${wait}: wait takes exit`)
  const parallel = query.get('parallel')
  if (parallel !== null && parallel !== 'true' && parallel !== 'false') {
    throw invalid(`cannot reload with parallel=${parallel}: parallel takes true or false`)
  }
  const count = query.get('workers')
  const workers = count === null ? undefined : readWorkerCount(count)
  if (count !== null && workers === undefined) {
    throw invalid(`cannot run ${count} workers: workers takes 1 to ${mostWorkers}, or max`)
  }
  return {
    waitForExit: wait === 'exit',
    workers,
    parallel: parallel === null ? undefined : parallel === 'true',
    change: readChange(query),
  }
}

function invalid(message: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', message)
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}
