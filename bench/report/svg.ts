// Renders a chart to SVG without a browser, readable on light and on dark pages, and the same each time.

import { type EChartsOption, init } from 'echarts'

/** Colours of a light page, and those of a dark one in their places. */
export const ink = '#1f2328'
export const muted = '#59636e'
export const rules = '#d1d9e0'
export const paper = '#ffffff'
export const palette = [
  '#0969da',
  '#bc4c00',
  '#1a7f37',
  '#8250df',
  '#bf3989',
  '#6e7781',
  '#9a6700',
  '#1b7c83',
] as const

const dark: Readonly<Record<string, string>> = {
  [ink]: '#f0f6fc',
  [muted]: '#9198a1',
  [rules]: '#3d444d',
  [paper]: '#0d1117',
  '#0969da': '#4493f8',
  '#bc4c00': '#f0883e',
  '#1a7f37': '#3fb950',
  '#8250df': '#ab7df8',
  '#bf3989': '#db61a2',
  '#6e7781': '#848d97',
  '#9a6700': '#d29922',
  '#1b7c83': '#39c5cf',
}

export interface Chart {
  readonly title: string
  /** A sentence below the title. */
  readonly subtitle: string
  readonly height: number
  readonly option: EChartsOption
}

const width = 860
/** Room for title, subtitle and legend. */
export const top = 84
/** Room for the labels and the name of an axis below. */
export const bottom = 48
/** Room for the names of rows: the renderer has no font to measure them with. */
export function left(rows: readonly string[]): number {
  return 24 + 7.4 * Math.max(...rows.map((row) => row.length))
}

export function renderChart({ title, subtitle, height, option }: Chart): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: paper,
    textStyle: { color: ink, fontFamily: 'system-ui, sans-serif' },
    color: [...palette],
    title: {
      text: title,
      subtext: subtitle,
      left: 12,
      top: 8,
      itemGap: 4,
      textStyle: { color: ink, fontSize: 16, fontWeight: 600 },
      subtextStyle: { color: muted, fontSize: 12 },
    },
    ...option,
  })
  const svg = chart.renderToSVGString({ useViewBox: true })
  chart.dispose()
  return finish(svg, title)
}

/** Adds the colours of dark pages and a title for screen readers, and removes what differs from run to run. */
function finish(svg: string, title: string): string {
  const swaps = Object.entries(dark).map(
    ([light, other]) => `[fill="${light}"]{fill:${other}}[stroke="${light}"]{stroke:${other}}`,
  )
  const style = `<style>@media (prefers-color-scheme: dark){${swaps.join('')}}</style>`
  const head = `<title>${title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</title>${style}`
  // What a browser needs to react to the mouse: an image does not, and the numbers differ from chart to chart.
  const still = svg
    .replaceAll(/ (ecmeta_\w+|class|pointer-events)="[^"]*"/g, '')
    .replaceAll(/<style ><!\[CDATA\[[\s\S]*?<\/style>\n?/g, '')
    .replaceAll(/zr\d+-/g, '')
  return `${still.replace(/<svg([^>]*)>/, `<svg$1 role="img">${head}`)}\n`
}
