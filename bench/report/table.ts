// Results as a table of text, and as one of Markdown.

import type { Column } from '../core/suite.ts'
import type { Figure, Row, SuiteResults } from './results.ts'

/** The table as a terminal shows it: right-aligned figures, with their range if there are several runs. */
export function textTable({ columns, summary }: SuiteResults): string {
  return align(cells(columns, summary, true)).join('\n')
}

export function markdownTable(
  { columns, summary }: SuiteResults,
  keys?: readonly string[],
): string {
  const shown = keys === undefined ? columns : columns.filter(({ key }) => keys.includes(key))
  return markdown(cells(shown, summary, false), labels(summary))
}

/** A table of Markdown, padded; so many columns from the left are text. */
export function markdown(rows: readonly (readonly string[])[], texts: number): string {
  const widths = widthsOf(rows)
  const line = (row: readonly string[]) =>
    `| ${row.map((text, index) => pad(text, widths[index] ?? 0, index < texts)).join(' | ')} |`
  const rule = widths.map((width, index) => '-'.repeat(width - (index < texts ? 0 : 1)))
  const [head = [], ...others] = rows
  return [
    line(head),
    `| ${rule.map((dashes, index) => (index < texts ? dashes : `${dashes}:`)).join(' | ')} |`,
    ...others.map(line),
  ].join('\n')
}

function cells(columns: readonly Column[], rows: readonly Row[], withRange: boolean): string[][] {
  const used = columns.filter(({ key }) => rows.some(({ figures }) => figures[key] !== undefined))
  const hasCases = labels(rows) === 2
  const head = used.map(({ label, unit }) => (unit === '' ? label : `${label} (${unit})`))
  return [
    [...(hasCases ? ['case'] : []), 'subject', ...head],
    ...rows.map(({ case: name, subject, runs, figures }) => [
      ...(hasCases ? [name] : []),
      subject,
      ...used.map((column) => cell(column, figures[column.key], withRange && runs > 1)),
    ]),
  ]
}

/** How many columns name the row. */
function labels(rows: readonly Row[]): number {
  return rows.some(({ case: name }) => name !== '') ? 2 : 1
}

function cell({ digits, summary }: Column, figure: Figure | undefined, withRange: boolean): string {
  if (figure === undefined) return '–'
  const text = number(figure.value, digits)
  if (!withRange || !['median', 'mean'].includes(summary)) return text
  return `${text} [${number(figure.min, digits)}–${number(figure.max, digits)}]`
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

function align(rows: readonly string[][]): string[] {
  const widths = widthsOf(rows)
  return rows.map((row) =>
    row.map((text, index) => pad(text, widths[index] ?? 0, index === 0)).join('  '),
  )
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, index) =>
    Math.max(3, ...rows.map((row) => row[index]?.length ?? 0)),
  )
}

function pad(text: string, width: number, isText: boolean): string {
  return isText ? text.padEnd(width) : text.padStart(width)
}
