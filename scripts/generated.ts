// Parts of the docs that scripts write: between markers, in the form that the formatter keeps.

const end = '<!-- /generated -->'

/**
 * Returns a page with new content between `<!-- generated: NAME -->` and the marker that ends it.
 *
 * @throws if the page has no such markers.
 */
export function betweenMarkers(text: string, name: string, content: string): string {
  const begin = `<!-- generated: ${name} -->`
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`cannot write the page: it has no ${begin} … ${end}`)
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`
}

/** Returns a table padded as biome formats it, so the page stays what the script writes. */
export function markdownTable(head: readonly string[], lines: readonly string[][]): string {
  const widths = head.map((_, i) =>
    Math.max(...[head, ...lines].map((line) => line[i]?.length ?? 0)),
  )
  const row = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0, fill)).join(' | ')} |`
  return [
    row(head),
    row(
      head.map(() => ''),
      '-',
    ),
    ...lines.map((line) => row(line)),
  ].join('\n')
}
