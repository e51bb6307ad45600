// Wraps lines for a narrow terminal.

import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

/** Returns the columns of a terminal, else those of COLUMNS, else no limit. */
export function columnsOf(
  stream: Pick<NodeJS.WriteStream | WriteStream, 'columns' | 'isTTY'>,
  env: NodeJS.ProcessEnv = process.env,
): number {
  const columns = stream.isTTY ? stream.columns : Number(env.COLUMNS)
  // A terminal that does not know its columns reports 0.
  return columns >= narrowest ? columns : Number.POSITIVE_INFINITY
}

/** Fewer columns cannot be read. */
const narrowest = 20

/**
 * Breaks a line of more than `columns` between words. Further lines are indented by two more columns. A longer
 * word stays whole, so that a path can be copied.
 */
export function wrap(line: string, columns: number): string[] {
  if (widthOf(line) <= columns) return [line]
  const indent = ' '.repeat(Math.min(/^ */.exec(line)?.[0].length ?? 0, columns / 2) + 2)
  const lines: string[] = []
  let current = ''
  for (const part of line.split(/(?<=\S)(?= )/)) {
    if (current.trim() !== '' && widthOf(current + part) > columns) {
      lines.push(current.trimEnd())
      current = indent + part.trimStart()
    } else {
      current += part
    }
  }
  return [...lines, current]
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
