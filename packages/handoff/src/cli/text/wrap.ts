// Lines that fit a narrow terminal.

import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

/** How many columns an output has: of its terminal, else what COLUMNS says, else no limit. */
export function columnsOf(
  stream: Pick<NodeJS.WriteStream | WriteStream, 'columns' | 'isTTY'>,
  env: NodeJS.ProcessEnv = process.env,
): number {
  const columns = stream.isTTY ? stream.columns : Number(env.COLUMNS)
  // Below this nothing can be read; a terminal that does not know says 0.
  return columns >= narrowest ? columns : Number.POSITIVE_INFINITY
}

const narrowest = 20

/**
 * Breaks a line between words where it has more than `columns`. What follows is indented by two more than
 * the line itself; a word that is longer stays whole, so that a path can be copied.
 */
export function fold(line: string, columns: number): string[] {
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
