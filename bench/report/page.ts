// Writes tables between the markers of a page: `<!-- table NAME -->` and `<!-- end -->`.

/**
 * Replaces what stands between each pair of markers.
 *
 * @throws Error if the page has no markers of that name.
 */
export function fillPage(page: string, name: string, text: string): string {
  const markers = new RegExp(`(<!-- table ${name} -->\\n)[^]*?(<!-- end -->)`)
  if (!markers.test(page))
    throw new Error(
      `cannot write table ${name}: the page has no \`<!-- table ${name} -->\`. Add it.`,
    )
  return page.replace(markers, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`)
}
