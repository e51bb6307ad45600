// Keeps the last lines that a process writes to stderr, for the report of a failed end.

import { stripVTControlCharacters } from 'node:util'

/** Characters that are kept, and characters of the summary, without colours and stack frames. */
const kept = 4_000
const summaryLength = 600
/** Lines of the summary: enough for an error with its fields, as Node.js prints it. */
const lines = 8

export class StderrTail {
  #text = ''

  push(chunk: unknown): void {
    this.#text = (this.#text + endOf(chunk)).slice(-kept)
  }

  /** The last lines as one line, without stack frames; undefined if nothing was written. */
  get summary(): string | undefined {
    const said = stripVTControlCharacters(this.#text)
      .split('\n')
      .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
      .slice(-lines)
    if (said.length === 0) return undefined
    const text = said.join(' | ').replace(/\s+/g, ' ').trim()
    return `last on stderr: ${text.length <= summaryLength ? text : `…${text.slice(-summaryLength)}`}`
  }
}

/**
 * Records what the program writes through `process.stderr` and `console.error`.
 *
 * @remarks It does not record the descriptor: a pipe to the supervisor would break (EPIPE) when the
 * supervisor dies before its server. So output of Node.js or an addon itself, such as the trace of a
 * fatal error, is missing. The stream opens when the program first uses it.
 */
export function recordStderr(tail: StderrTail, of: NodeJS.Process = process): void {
  const property = Object.getOwnPropertyDescriptor(of, 'stderr')
  const open = property?.get
  if (property === undefined || open === undefined || !property.configurable) return
  Object.defineProperty(of, 'stderr', {
    ...property,
    get() {
      Object.defineProperty(of, 'stderr', property)
      const stream: NodeJS.WriteStream = open.call(of)
      observeWrites(stream, (chunk) => tail.push(chunk))
      return stream
    },
  })
}

/** Inserts a prototype, so that the stream itself gets no property. */
function observeWrites(stream: NodeJS.WriteStream, onWrite: (chunk: unknown) => void): void {
  const prototype = Object.getPrototypeOf(stream)
  const below = stream.write as (...args: unknown[]) => boolean
  const value = function write(this: unknown, ...args: unknown[]): boolean {
    onWrite(args[0])
    return Reflect.apply(below, this, args)
  }
  for (const name of ['name', 'length'] as const) {
    Object.defineProperty(value, name, { value: below[name], configurable: true })
  }
  const between = Object.create(prototype, { write: { value, writable: true, configurable: true } })
  Object.setPrototypeOf(stream, between)
}

function endOf(chunk: unknown): string {
  if (typeof chunk === 'string') return chunk.slice(-kept)
  if (!(chunk instanceof Uint8Array)) return ''
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).subarray(-kept).toString()
}
