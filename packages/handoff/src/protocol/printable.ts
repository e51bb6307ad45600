// Makes text of other programs printable: one line, without control characters.

/** SGR of ECMA-48: colours, which messages of compilers and test runners often have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const colours = /\x1b\[[\d;]*m/g
const breaks = /[\t ]*[\n\v\f\r\u0085\u2028\u2029]+[\t ]*/g
/**
 * Control and format characters, bidirectional overrides among them, and halves of surrogate pairs. The
 * joiners of Arabic and of emoji stay.
 */
const hidden = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Returns the text as one line that a terminal or a log shows as it is. Line breaks become spaces,
 * colours are removed, and other invisible characters are written as `\x1b` or `\u202e`.
 *
 * @remarks Any other value is returned with all its strings changed so, names of properties included.
 * Call it when text is printed, not when it comes in: JSON output stays faithful.
 */
export function printable<T>(value: T): T
export function printable(value: unknown): unknown {
  if (typeof value === 'string') return line(value)
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([name, part]) => [line(name), printable(part)]))
}

function line(text: string): string {
  return text
    .replace(colours, '')
    .replace(breaks, ' ')
    .replaceAll('\t', ' ')
    .replace(hidden, escaped)
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number
  const hex = code.toString(16)
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`
}
