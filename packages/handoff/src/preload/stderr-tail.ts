// The last lines that a process writes to its stderr, for the case that it ends badly.

import { stripVTControlCharacters } from 'node:util'

/** In characters: of them, and of what is told in the end, without colours and stack frames. */
const kept = 4_000
const told = 600
/** An error with all its fields, as Node prints it. */
const lines = 8

export class StderrTail {
  #text = ''

  push(chunk: unknown): void {
    this.#text = (this.#text + endOf(chunk)).slice(-kept)
  }

  /** In one line, without stack frames; undefined where nothing was written. */
  get words(): string | undefined {
    const said = stripVTControlCharacters(this.#text)
      .split('\n')
      .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
      .slice(-lines)
    if (said.length === 0) return undefined
    const text = said.join(' | ').replace(/\s+/g, ' ').trim()
    return `last on stderr: ${text.length <= told ? text : `…${text.slice(-told)}`}`
  }
}

/**
 * Follows what the program writes through `process.stderr`, which is `console.error` too.
 *
 * @remarks Not the descriptor: a pipe of ours would break (EPIPE) when the supervisor dies before its
 * server. So what Node or an addon writes by itself, such as the trace of a fatal error, is not here.
 * The stream is not opened before the program does so.
 */
export function followStderr(tail: StderrTail, of: NodeJS.Process = process): void {
  const property = Object.getOwnPropertyDescriptor(of, 'stderr')
  const open = property?.get
  if (property === undefined || open === undefined || !property.configurable) return
  Object.defineProperty(of, 'stderr', {
    ...property,
    get() {
      Object.defineProperty(of, 'stderr', property)
      const stream: NodeJS.WriteStream = open.call(of)
      listenToWrites(stream, (chunk) => tail.push(chunk))
      return stream
    },
  })
}

/** By a prototype in between: the stream itself has no property more than without us. */
function listenToWrites(stream: NodeJS.WriteStream, onWrite: (chunk: unknown) => void): void {
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
