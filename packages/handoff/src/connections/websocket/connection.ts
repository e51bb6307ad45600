// Observes one WebSocket from outside of its library: the bytes of both directions, and the heads.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { shadowMethod } from '../../io/node/shadow-method.ts'
import { hasNoBytesInFlight } from '../moving/bytes-in-flight.ts'
import { observeData } from '../moving/observe-data.ts'
import { type CloseCode, closeCodes, closeFrame, FrameReader } from './frames.ts'
import { type Agreement, hasNoContext, readAgreement, requestHead } from './handshake.ts'

type Chunk = string | Uint8Array
type Callback = (error?: Error | null) => void

/**
 * `opening`: not answered yet. `replaying`: answered in another process; the answer of this one is not
 * sent to the client. `refused`: not a WebSocket. `closing`: a close frame was written.
 */
type State = 'opening' | 'replaying' | 'open' | 'closing' | 'refused'

const connections = new WeakMap<Socket, WebSocketConnection>()

/** Returns the WebSocket on a socket, if its upgrade was observed. */
export function webSocketOf(socket: Socket): WebSocketConnection | undefined {
  return connections.get(socket)
}

export class WebSocketConnection {
  readonly socket: Socket
  readonly incoming = new FrameReader()
  /** Closes the connection by the library of its server. Undefined: a close frame is written here. */
  closeByServer: ((code: CloseCode) => void) | undefined
  /** Called each time that data was read or written: the connection may be at rest now. */
  onChange: () => void = () => {}
  /** Called when the upgrade was answered. */
  onAnswer: () => void = () => {}
  readonly #outgoing = new FrameReader()
  readonly #write: Socket['write']
  readonly #undo: () => void
  #state: State
  #request: string | undefined
  #agreement: Agreement | undefined
  #closeWith: CloseCode | undefined

  /** @param replays - the agreement of the process that opened the connection, to replay it. */
  constructor(socket: Socket, replays?: Agreement) {
    this.socket = socket
    this.#agreement = replays
    this.#state = replays === undefined ? 'opening' : 'replaying'
    this.#write = socket.write.bind(socket) as Socket['write']
    const end = socket.end.bind(socket) as (callback?: Callback) => Socket
    const undoWrite = shadowMethod(socket, 'write', (...args: unknown[]) => {
      const call = readCall(args)
      // Node.js refuses what is not data.
      if (call.chunk === undefined) return Reflect.apply(this.#write, socket, args)
      return this.#onWrite(call)
    })
    const undoEnd = shadowMethod(socket, 'end', (...args: unknown[]) => {
      const { chunk, encoding, callback } = readCall(args)
      if (chunk !== undefined) this.#onWrite({ chunk, encoding, callback: undefined })
      else if (this.#state === 'replaying') this.#refuse()
      return end(callback)
    })
    this.#undo = () => {
      undoEnd()
      undoWrite()
    }
    connections.set(socket, this)
  }

  /** Whether the upgrade has been answered, by a 101 or by another. */
  get answered(): boolean {
    return this.#state !== 'opening' && this.#state !== 'replaying'
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** The request head and the agreement; undefined unless both let another process take over. */
  get movable(): { request: string; agreement: Agreement } | undefined {
    const [request, agreement] = [this.#request, this.#agreement]
    if (request === undefined || agreement === undefined || !this.isOpen) return undefined
    return hasNoContext(agreement) ? { request, agreement } : undefined
  }

  /** Whether both directions are between two messages, with no bytes in flight in this process. */
  get isAtRest(): boolean {
    const { socket, incoming } = this
    return (
      this.isOpen &&
      this.#closeWith === undefined &&
      incoming.atBoundary &&
      this.#outgoing.atBoundary &&
      !incoming.closing &&
      !this.#outgoing.closing &&
      hasNoBytesInFlight(socket)
    )
  }

  /** Observes the data from here on. The server is about to answer this request. */
  observe(request: IncomingMessage): void {
    this.#request = requestHead(request)
    observeData(this.socket, (data) => {
      this.incoming.push(data)
      this.onChange()
    })
  }

  /** Closes it gracefully, as soon as the server is between two messages. */
  close(code: CloseCode): void {
    if (this.#state === 'replaying') return this.#refuse()
    this.#closeWith ??= code
    this.#closeWhenPossible()
  }

  #onWrite(call: {
    chunk: Chunk | undefined
    encoding: BufferEncoding | undefined
    callback: Callback | undefined
  }): boolean {
    const { chunk = '', encoding, callback } = call
    if (this.#state === 'closing' || this.#state === 'refused') return swallow(callback)
    if (!this.answered) return this.#answer(chunk, encoding, callback)
    if (typeof chunk === 'string') this.#outgoing.pushText(chunk, encoding)
    else this.#outgoing.push(chunk)
    const more = this.#pass(chunk, encoding, callback)
    this.#closeWhenPossible()
    return more
  }

  /** The first thing that the server writes is its answer to the upgrade. */
  #answer(
    chunk: Chunk,
    encoding: BufferEncoding | undefined,
    callback: Callback | undefined,
  ): boolean {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk)
    const answer = readAgreement(bytes)
    if (this.#state === 'replaying') {
      if (answer === undefined || !isSame(answer.agreement, this.#agreement)) this.#refuse()
      else this.#open(answer)
      if (answer !== undefined && this.isOpen && answer.rest.length > 0) this.#pass(answer.rest)
      return swallow(callback)
    }
    if (answer === undefined) {
      this.#state = 'refused'
      this.#undo()
      this.onAnswer()
    } else this.#open(answer)
    return this.#pass(chunk, encoding, callback)
  }

  #open({ agreement, rest }: { agreement: Agreement; rest: Buffer }): void {
    this.#state = 'open'
    this.#agreement = agreement
    this.#outgoing.push(rest)
    this.onAnswer()
  }

  /** To the client this is an open WebSocket: another answer of this server must not reach it. */
  #refuse(): void {
    this.#state = 'closing'
    this.#pass(closeFrame(closeCodes.serviceRestart))
    this.onAnswer()
  }

  #closeWhenPossible(): void {
    const code = this.#closeWith
    if (code === undefined || !this.isOpen || !this.#outgoing.atBoundary) return
    this.#closeWith = undefined
    // The application has closed the WebSocket itself.
    if (this.#outgoing.closing) return
    if (this.closeByServer !== undefined) return this.closeByServer(code)
    this.#state = 'closing'
    this.#pass(closeFrame(code))
  }

  #pass(chunk: Chunk, encoding?: BufferEncoding, callback?: Callback): boolean {
    const onWritten: Callback = (error) => {
      callback?.(error)
      if (this.socket.writableLength === 0) this.onChange()
    }
    // Only for a connection that may move it matters when it is at rest.
    const done = this.#request === undefined ? callback : onWritten
    return encoding === undefined
      ? this.#write(chunk, done)
      : this.#write(chunk as string, encoding, done)
  }
}

function isSame(left: Agreement, right: Agreement | undefined): boolean {
  return left.extensions === right?.extensions && left.protocol === right.protocol
}

/** Does not send the data. To the caller of `write` it was written. */
function swallow(callback: Callback | undefined): boolean {
  if (callback !== undefined) process.nextTick(callback)
  return true
}

/** Reads the arguments of `write` and `end`, each of which may be absent. */
function readCall(args: unknown[]) {
  const callback = args.find((argument) => typeof argument === 'function') as Callback | undefined
  const [chunk, encoding] = args
  return {
    chunk: typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : undefined,
    encoding: typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined,
    callback,
  }
}
