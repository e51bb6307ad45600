// The control endpoint: HTTP and JSON on a Unix socket, for the command line and curl.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { bindUnix } from '../../io/listeners/bind-socket.ts'
import { inodeAt } from '../../io/listeners/socket-path.ts'
import { dup } from '../../io/native/descriptors.ts'
import { HandoffError, type HandoffErrorCode, reasonOf } from '../../terms/errors.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { ControlClients } from './control-clients.ts'
import { findPath, type Parameters, type Path, readParameters, schemas } from './control-request.ts'
import { type ReloadLine, reloadWithLines } from './reload-lines.ts'
import { refusedResult } from './reload-result.ts'
import { heartbeatHeader, heartbeatMs, sendHeartbeats } from './stream-heartbeat.ts'
import { type Release, releaseOf, type Upgrade } from './upgrade.ts'

/** A command makes one connection. Further connections are closed immediately. */
const mostClients = 128

/** How many bytes may wait for a client that does not read. */
const unreadLimitBytes = 1024 * 1024

/** How long a client that does not read may delay the end of the supervisor, in milliseconds. */
const farewellTimeoutMs = 1_000
/** How long a client that sends no request, or gets a long answer, may delay an upgrade, in milliseconds. */
const upgradeDelayMs = 1_000
/** How long a client may take to send its request, in milliseconds. */
const requestTimeoutMs = 10_000
/** No request needs a body. A body is skipped, up to this many bytes. */
const bodyLimitBytes = 64 * 1024

/** The run on which the commands act. */
export interface Run {
  readonly fleet: Fleet
  /** Checks that the other release can resume this run, and returns the step that starts it. */
  upgrade(to: Release): Promise<Upgrade>
}

type Handler<P extends Path> = (
  run: Run,
  response: ServerResponse,
  parameters: Parameters<P>,
  control: Control,
) => Promise<void> | void

/** The handler of each path. If it throws, it has not answered yet or has sent lines only. */
const handlers: { readonly [P in Path]: Handler<P> } = {
  '/status': ({ fleet }, response) => answer(response, 200, fleet.status()),
  '/reload': reload,
  '/upgrade': upgrade,
  // The body follows when the run has ended: see close().
  '/stop': ({ fleet }, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders()
    sendHeartbeats(response)
    fleet.stop('command')
  },
}

export class Control {
  #fd: number
  #inode: string | undefined
  readonly #server: Server
  readonly #path: string
  readonly #clients: ControlClients
  /** Clients that wait for the end of the run. */
  readonly #waiting = new Set<ServerResponse>()

  private constructor(run: Run, path: string, fd: number) {
    this.#fd = fd
    this.#inode = inodeAt(path)
    this.#path = path
    const limits = { headersTimeout: requestTimeoutMs, requestTimeout: requestTimeoutMs }
    this.#server = createServer(limits, (request, response) => {
      // A client may close its connection at any time.
      response.on('error', () => {})
      this.#handle(run, request, response).catch((error: unknown) => fail(response, error))
    })
    this.#server.maxConnections = mostClients
    this.#clients = new ControlClients(this.#server)
  }

  /**
   * Listens at `path`, in place of the socket that a killed supervisor left.
   *
   * @param resumed - the socket that the release before has opened in this process.
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

  /** The descriptor of the socket, which the server owns. */
  get fd(): number {
    return this.#fd
  }

  /** Whether the path leads to this socket. */
  isThere(): boolean {
    return this.#inode !== undefined && inodeAt(this.#path) === this.#inode
  }

  /**
   * Listens at the path again after the socket was removed there. Commands under way go on.
   *
   * @throws a system error.
   */
  renew(): void {
    rmSync(this.#path, { force: true })
    const fd = bindUnix({ path: this.#path, mode: 0o600 })
    stopListening(this.#server)
    this.#server.listen({ fd })
    this.#fd = fd
    this.#inode = inodeAt(this.#path)
  }

  /**
   * Lets further clients wait in the queue of the socket, and resolves when those that are connected have their
   * answers, or after {@link upgradeDelayMs}. The kernel resets a connection that is closed with an unread
   * request.
   *
   * @param last - the client that need not end.
   * @returns the function that accepts clients again.
   */
  async pause(last: Socket): Promise<() => void> {
    if (this.#server.listening) {
      // The server owns the other descriptor, and closes it.
      this.#fd = dup(this.#fd)
      stopListening(this.#server)
    }
    await this.#clients.othersEnded(last, upgradeDelayMs)
    return () => {
      if (!this.#server.listening) this.#server.listen({ fd: this.#fd })
    }
  }

  /** Refuses further commands. The returned function answers the clients that wait for the end. */
  close(): () => void {
    this.#server.close()
    rmSync(this.#path, { force: true })
    return () => {
      for (const response of this.#waiting) response.end(`${JSON.stringify({ ok: true })}\n`)
      setTimeout(() => this.#server.closeAllConnections(), farewellTimeoutMs).unref()
    }
  }

  /** Rejects if the request cannot be done; {@link fail} makes an answer of the error. */
  async #handle(run: Run, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader(heartbeatHeader, heartbeatMs)
    const [name = '', query = ''] = (request.url ?? '').split('?', 2)
    const path = findPath(name)
    if (path === undefined) {
      const message = `no such path: ${name.slice(0, 100)} (paths are ${Object.keys(schemas).join(', ')})`
      return answer(response, 404, { code: 'NOT_FOUND', message })
    }
    const { method } = schemas[path]
    if (request.method !== method) {
      response.setHeader('Allow', method)
      const message = `${path} takes ${method}, not ${request.method}`
      return answer(response, 405, { code: 'METHOD_NOT_ALLOWED', message })
    }
    const parameters = readParameters(path, new URLSearchParams(query))
    if (!(await skipBody(request))) {
      response.setHeader('Connection', 'close')
      const message = `${path} takes no body; at most ${bodyLimitBytes} bytes of a body are skipped`
      return answer(response, 413, { code: 'TOO_LARGE', message })
    }
    if (path === '/stop') {
      this.#waiting.add(response)
      response.once('close', () => this.#waiting.delete(response))
    }
    await (handlers[path] as Handler<Path>)(run, response, parameters, this)
  }
}

/** Closes the listening socket alone. The method of an HTTP server closes connections, too. */
function stopListening(server: Server): void {
  NetServer.prototype.close.call(server)
}

/** Reads the request to its end. Returns false if its body is longer than what is skipped. */
async function skipBody(request: IncomingMessage): Promise<boolean> {
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > bodyLimitBytes) return false
  }
  return true
}

async function reload(
  { fleet }: Run,
  response: ServerResponse,
  { wait, workers, parallel, drop, entry, cwd, node }: Parameters<'/reload'>,
): Promise<void> {
  const write = (line: ReloadLine) => {
    // A client that does not read misses events, but not the result.
    const isFull = response.writableLength > unreadLimitBytes
    if (!isFull || line.type === 'result') response.write(`${JSON.stringify(line)}\n`)
  }
  const begin = () => {
    if (response.headersSent) return
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders()
    sendHeartbeats(response)
  }
  const options = {
    waitForExit: wait === 'exit',
    workers,
    parallel,
    ...(drop !== undefined && { drop }),
    change: {
      ...(entry !== undefined && { entry }),
      ...(cwd !== undefined && { workingDirectory: cwd }),
      ...(node !== undefined && { node }),
    },
    write,
  }
  if (fleet.isRamping) {
    // The reload before ends first. The client learns that the supervisor lives.
    begin()
    await fleet.ramped()
  }
  try {
    const done = reloadWithLines(fleet, options)
    // The client learns now that the reload has begun.
    begin()
    await done
  } catch (error) {
    if (!response.headersSent || !(error instanceof HandoffError)) throw error
    write(refusedResult(fleet.status(), error))
  }
  response.end()
}

/**
 * Answers before the upgrade. The kernel closes the connection when this process becomes another program. A
 * second line gives the reason if that fails. No other client loses its answer: those that come meanwhile are
 * answered by the other program.
 */
async function upgrade(
  run: Run,
  response: ServerResponse,
  parameters: Parameters<'/upgrade'>,
  control: Control,
): Promise<void> {
  const to = releaseOf(parameters)
  await run.fleet.ramped()
  const { release, begin } = await run.upgrade(to)
  const write = promisify((line: object, written: () => void) =>
    response.write(`${JSON.stringify(line)}\n`, written),
  )
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  await write({ release })
  const resume = await control.pause(response.req.socket)
  try {
    begin()
  } finally {
    resume()
  }
}

/** The HTTP status of errors that are not a conflict with the state of the run. */
const statuses: { readonly [code in HandoffErrorCode]?: number } = {
  ERR_HANDOFF_INVALID_OPTION: 400,
}

/** Answers with an error. No request ends the supervisor. */
function fail(response: ServerResponse, error: unknown): void {
  const known = error instanceof HandoffError
  const body = { code: known ? error.code : 'INTERNAL', message: reasonOf(error) }
  if (response.headersSent) response.end(`${JSON.stringify(body)}\n`)
  else answer(response, known ? (statuses[error.code] ?? 409) : 500, body)
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}
