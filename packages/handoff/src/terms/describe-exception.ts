// Describes an exception in one line, with the place where it was thrown.

import { inspect } from 'node:util'

/** In characters: long enough for a compiler's message, and far below the size of a datagram. */
const longest = 1000

/** Returns a line such as `SyntaxError: Unexpected token ';' (/srv/web/server.js:3)`. */
export function describeException(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(`uncaught ${thrownText(error)}`)
  return withPlace(`${error.name}: ${error.message}`, error)
}

/** Appends the place where an exception was thrown to a text about it, unless the text has it or none is known. */
export function withPlace(text: string, error: unknown): string {
  const place = error instanceof Error ? placeIn(error) : undefined
  return oneLine(place === undefined || text.includes(place) ? text : `${text} (${place})`)
}

/**
 * Returns the first place in a file of the program. For code that does not parse, Node.js writes the
 * place above the message.
 */
function placeIn({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n')) {
    if (line.includes('node:') || line.includes('/node_modules/')) continue
    const place = /(?:file:\/\/)?(\/[^():]+:\d+)(?::\d+)?\)?$/.exec(line)
    if (place !== null) return place[1]
  }
  return undefined
}

/** Returns the text of a thrown value that is no error, as Node.js prints it. */
function thrownText(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 2, customInspect: false })
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
}
