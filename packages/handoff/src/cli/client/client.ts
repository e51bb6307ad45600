// Talks to a supervisor through its control endpoint.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { connectTrusted, isAnswered } from '../../io/channel/trusted-socket.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import type { ReloadLine } from '../../supervisor/control/reload.ts'
import { heartbeatHeader } from '../../supervisor/control/stream-heartbeat.ts'
import { holder } from '../../supervisor/place/lock.ts'
import { type ProgramChange, writeChange } from '../../supervisor/program/program.ts'
import type { Status } from '../../supervisor/registry/status.ts'
import { HandoffError, type HandoffErrorCode, reasonOf } from '../../terms/errors.ts'
import { completeLine, completeStatus } from './complete.ts'
import { orphanedServers, orphanedText } from './orphaned.ts'
import { Silence } from './silence.ts'

/**
 * How long the supervisor may take to begin its answer, in milliseconds. It answers in milliseconds; a start of
 * a process blocks it for a tenth of a second, and a machine out of memory for seconds.
 */
const answerTimeoutMs = 10_000
/** The same for an upgrade: the other release has ten seconds to check that it can go on. */
const upgradeTimeoutMs = 20_000
/** How many heartbeats in a row may be missing from an answer that is not complete. */
const missingHeartbeats = 5

/** What a reload is to do. */
export interface Wanted {
  readonly wait?: 'exit' | undefined
  readonly workers?: number | undefined
  readonly parallel?: boolean | undefined
  /** Listeners of the old process that the new one may leave out. */
  readonly drop?: readonly string[] | undefined
  readonly change?: ProgramChange
}

/** Speaks to the supervisor of the run `name`, which has its files in `directory`, of the uid `owner`. */
export class Client {
  readonly name: string
  readonly #directory: RunDirectory
  readonly #owner: number
  /** Of the last request. */
  #silence: Silence | undefined

  constructor(name: string, directory: RunDirectory, owner: number) {
    this.name = name
    this.#directory = directory
    this.#owner = owner
  }

  /**
   * @throws {@link HandoffError} ERR_HANDOFF_NOT_RUNNING; ERR_HANDOFF_PEER_GONE;
   * ERR_HANDOFF_DIRECTORY_UNSAFE if a stranger listens there; ERR_HANDOFF_UNRESPONSIVE if the
   * supervisor is there and says nothing for {@link answerTimeoutMs}.
   */
  async status(): Promise<Status> {
    const status = JSON.parse(await this.#text(await this.#send('GET', '/status'))) as Status
    return completeStatus(status)
  }

  /** Returns when every process has gone. @throws as {@link status}. */
  async stop(): Promise<void> {
    const { headers } = await this.#send('GET', '/status')
    // A supervisor of an older release begins its answer when the run has ended.
    const timeoutMs = heartbeatHeader.toLowerCase() in headers ? answerTimeoutMs : 0
    await this.#text(await this.#send('POST', '/stop', timeoutMs))
  }

  /**
   * Reloads, and gives each line as it comes; the last one is the result.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING; and as {@link status}.
   */
  async *reload({
    wait,
    workers,
    parallel,
    drop = [],
    change = {},
  }: Wanted): AsyncGenerator<ReloadLine> {
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
      throw this.#gone(cause)
    }
    throw this.#gone()
  }

  /**
   * Has the supervisor become this release, run by this Node.js.
   *
   * @returns how it stands then.
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY, ERR_HANDOFF_STOPPING, ERR_HANDOFF_UPGRADE:
   * it is as it was; and as {@link status}.
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
    if (this.#silence?.error !== undefined) throw this.#silence.error
    if (refusal !== undefined) throw refusal
    return await this.status()
  }

  /** @param timeoutMs - how long the answer may take to begin; 0: for ever. */
  async #send(method: string, path: string, timeoutMs = answerTimeoutMs): Promise<IncomingMessage> {
    const socket = this.#connect()
    const outgoing = request({ createConnection: () => socket, method, path, host: 'handoff' })
    const silence = new Silence(outgoing, (ms) => this.#unresponsive(ms))
    this.#silence = silence
    silence.allow(timeoutMs)
    outgoing.end()
    let response: IncomingMessage
    try {
      ;[response] = await once(outgoing, 'response')
    } catch (cause) {
      throw this.#gone(cause)
    }
    // What a supervisor without heartbeats has to say may take as long as a drain.
    const heartbeatMs = Number(response.headers[heartbeatHeader.toLowerCase()] ?? 0)
    silence.allow(heartbeatMs * missingHeartbeats)
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
      throw isNobody(cause) ? this.#notRunning(cause) : this.#gone(cause)
    }
  }

  async #text(response: IncomingMessage): Promise<string> {
    try {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      return text
    } catch (cause) {
      throw this.#gone(cause)
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

  #gone(cause?: unknown): Error {
    // The silence of this very request, or of the last one.
    if (cause instanceof HandoffError) return cause
    if (this.#silence?.error !== undefined) return this.#silence.error
    // The queue of its socket is full: it has accepted nothing for a while.
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'EAGAIN') return this.#unresponsive()
    const reason = cause === undefined ? '' : ` (${reasonOf(cause)})`
    return new HandoffError(
      'ERR_HANDOFF_PEER_GONE',
      `cannot hear from ${this.name}: its supervisor went away${reason}`,
      { cause },
    )
  }

  #unresponsive(ms?: number): HandoffError {
    const since =
      ms === undefined ? 'does not accept connections' : `says nothing for ${ms / 1000} s`
    return new HandoffError(
      'ERR_HANDOFF_UNRESPONSIVE',
      `cannot hear from ${this.name}: its supervisor${holder(this.#directory.lock)} ${since}`,
    )
  }
}

/** An error that the supervisor reported; its text is complete. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: HandoffErrorCode

  constructor(code: HandoffErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

function isNobody(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}
