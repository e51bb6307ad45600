// Colours and marks for a terminal, and plain text for other outputs.

import type { WriteStream } from 'node:tty'

export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  /** Stands before a line about a success. */
  readonly tick: string
  /** Stands before a line about a failure. */
  readonly cross: string
}

/** Returns `text` unchanged. */
const asIs = (text: string) => text

export const plain: Style = {
  bold: asIs,
  dim: asIs,
  good: asIs,
  bad: asIs,
  tick: '',
  cross: '',
}

/** ECMA-48 SGR: switches a style on before the text and off after it. */
const sgr = (on: number, off: number) => (text: string) => `\x1b[${on}m${text}\x1b[${off}m`

export const colourful: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  tick: `${sgr(32, 39)('✓')} `,
  cross: `${sgr(31, 39)('✗')} `,
}

/** Returns colours if the stream is a terminal that has them. Node checks NO_COLOR and TERM=dumb. */
export function styleFor(stream: NodeJS.WriteStream | WriteStream): Style {
  return stream.isTTY && stream.hasColors() ? colourful : plain
}
