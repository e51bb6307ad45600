// Sends commands to a supervisor through its control endpoint.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { connectTrusted, isAnswered } from '../../io/channel/trusted-socket.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import type { ReloadLine } from '../../supervisor/control/reload-lines.ts'
import { heartbeatHeader } from '../../supervisor/control/stream-heartbeat.ts'
import { lockHolder } from '../../supervisor/place/supervisor-lock.ts'
import { type ProgramChange, writeChange } from '../../supervisor/program/program.ts'
import type { Status } from '../../supervisor/registry/run-status.ts'
import { HandoffError, type HandoffErrorCode, reasonOf } from '../../terms/errors.ts'
import { AnswerTimeout } from './answer-timeout.ts'
import { completeLine, completeStatus } from './older-release.ts'
import { orphanedServers, orphanedText } from './orphaned.ts'

/**
 * How long the supervisor may take to begin its answer, in milliseconds. It answers within milliseconds. The start
 * of a process blocks it for a tenth of a second, a machine out of memory for seconds.
 */
const answerTimeoutMs = 10_000
/** The same for an upgrade: the other release has ten seconds to check that it can go on. */
const upgradeTimeoutMs = 20_000
/** How many heartbeats in a row may be missing from an answer that is not complete. */
const missingHeartbeats = 5

/** The options of a reload. */
export interface ReloadWishes {
  readonly wait?: 'exit' | undefined
  readonly workers?: number | undefined
  readonly parallel?: boolean | undefined
  /** Listeners of the old process that the new one may leave out. */
  readonly drop?: readonly string[] | undefined
  readonly change?: ProgramChange
}

/** A client of the run `name`, which has its files in `directory`, of the uid `owner`. */
export class Client {
  readonly name: string
  readonly #directory: RunDirectory
  readonly #owner: number
  /** Of the last request. */
  #timeout: AnswerTimeout | undefined

  constructor(name: string, directory: RunDirectory, owner: number) {
    this.name = name
    this.#directory = directory
    this.#owner = owner
  }

  /**
   * @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING; ERR_HANDOFF_PEER_GONE;
   * ERR_HANDOFF_DIRECTORY_UNSAFE if another user listens there; ERR_HANDOFF_UNRESPONSIVE if the
   * supervisor does not answer within {@link answerTimeoutMs}.
   */
  async status(): Promise<Status> {
    const status = JSON.parse(await this.#text(await this.#send('GET', '/status'))) as Status
    return completeStatus(status)
  }

  /** Resolves when every process has ended. @throws as {@link status}. */
  async stop(): Promise<void> {
    const { headers } = await this.#send('GET', '/status')
    // A supervisor of an older release does not answer before the run has ended.
    const timeoutMs = heartbeatHeader.toLowerCase() in headers ? answerTimeoutMs : 0
    await this.#text(await this.#send('POST', '/stop', timeoutMs))
  }

  /**
   * Reloads, and yields each line when it arrives. The last one is the result.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING; and as {@link status}.
   */
  async *reload({
    wait,
    workers,
    parallel,
    drop = [],
    change = {},
  }: ReloadWishes): AsyncGenerator<ReloadLine> {
    const query = new URLSearchParams(wait && { wait })
    if (workers !== undefined) query.set('workers', String(workers))
    if (parallel) query.set('parallel', 'true')
    if (drop.length > 0) query.set('drop', drop.join())
    writeChange(change, query)
    const path = query.size === 0 ? '/reload' : `/reload?${query}`
    const response = await this.#send('POST', path)
    const lines = createInterface({ input: response, crlfDelay: Infinity })
    try {
      for await (const line of lines) {
        const read = completeLine(JSON.parse(line) as ReloadLine)
        yield read
        if (read.type === 'result') return
      }
    } catch (cause) {
      throw this.#onLost(cause)
    }
    throw this.#onLost()
  }

  /**
   * Replaces the supervisor by this release, run by this Node.js.
   *
   * @returns the status of the new supervisor.
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING, ERR_HANDOFF_UPGRADE:
   * the supervisor goes on as before; and as {@link status}.
   */
  async upgrade(to: { command: string; node: string }): Promise<Status> {
    const path = `/upgrade?${new URLSearchParams(to)}`
    const response = await this.#send('POST', path, upgradeTimeoutMs)
    let refusal: Refusal | undefined
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        const { code, message = '' } = JSON.parse(line) as {
          code?: HandoffErrorCode
          message?: string
        }
        if (code !== undefined) refusal = new Refusal(code, message)
      }
    } catch {
      // The connection ended before the answer: the supervisor is another program now.
    }
    if (this.#timeout?.error !== undefined) throw this.#timeout.error
    if (refusal !== undefined) throw refusal
    return await this.status()
  }

  /** @param timeoutMs - how long the answer may take to begin, in milliseconds; 0: no limit. */
  async #send(method: string, path: string, timeoutMs = answerTimeoutMs): Promise<IncomingMessage> {
    const socket = this.#connect()
    const outgoing = request({ createConnection: () => socket, method, path, host: 'handoff' })
    const timeout = new AnswerTimeout(outgoing, (ms) => this.#unresponsive(ms))
    this.#timeout = timeout
    timeout.set(timeoutMs)
    outgoing.end()
    let response: IncomingMessage
    try {
      ;[response] = await once(outgoing, 'response')
    } catch (cause) {
      throw this.#onLost(cause)
    }
    // The answer of a supervisor without heartbeats may take as long as a drain.
    const heartbeatMs = Number(response.headers[heartbeatHeader.toLowerCase()] ?? 0)
    timeout.set(heartbeatMs * missingHeartbeats)
    if (response.statusCode === 200) return response
    const { code, message } = JSON.parse(await this.#text(response))
    throw new Refusal(code, message)
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING; ERR_HANDOFF_DIRECTORY_UNSAFE. */
  #connect(): Socket {
    try {
      const fd = connectTrusted(this.#directory.control, this.#owner)
      return new Socket({ fd, readable: true, writable: true })
    } catch (cause) {
      if (cause instanceof HandoffError) throw cause
      throw isNotRunning(cause) ? this.#notRunning(cause) : this.#onLost(cause)
    }
  }

  async #text(response: IncomingMessage): Promise<string> {
    try {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      return text
    } catch (cause) {
      throw this.#onLost(cause)
    }
  }

  #notRunning(cause: unknown): HandoffError {
    const pids = orphanedServers(this.#directory)
    const serves = pids.length > 0 || isAnswered(this.#directory.rendezvous, this.#owner)
    const still = serves ? `: ${orphanedText(pids)}` : ''
    return new HandoffError(
      'ERR_HANDOFF_NOT_RUNNING',
      `cannot reach ${this.name}: no supervisor of this name is running${still}`,
      { cause },
    )
  }

  #onLost(cause?: unknown): Error {
    // The timeout of this request, or of the last one.
    if (cause instanceof HandoffError) return cause
    if (this.#timeout?.error !== undefined) return this.#timeout.error
    // The queue of the socket is full: the supervisor does not accept.
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'EAGAIN') return this.#unresponsive()
    const reason = cause === undefined ? '' : ` (${reasonOf(cause)})`
    return new HandoffError(
      'ERR_HANDOFF_PEER_GONE',
      `cannot read the answer of ${this.name}: its supervisor has ended${reason}`,
      { cause },
    )
  }

  #unresponsive(ms?: number): HandoffError {
    const since =
      ms === undefined ? 'does not accept connections' : `has not answered for ${ms / 1000} s`
    return new HandoffError(
      'ERR_HANDOFF_UNRESPONSIVE',
      `cannot reach ${this.name}: its supervisor${lockHolder(this.#directory.lock)} ${since}`,
    )
  }
}

/** An error that the supervisor reported. Its message is complete. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: HandoffErrorCode

  constructor(code: HandoffErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

function isNotRunning(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}
