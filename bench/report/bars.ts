// A chart of counts: a bar for each row, in parts.

import { legend, rowAxis, valueAxis } from './axes.ts'
import { short } from './dots.ts'
import { bottom, type Chart, ink, left, palette, top } from './svg.ts'

export interface BarChart {
  readonly title: string
  readonly subtitle: string
  readonly axis: string
  readonly rows: readonly string[]
  /** By row. */
  readonly parts: readonly {
    readonly name: string
    readonly values: Readonly<Record<string, number>>
  }[]
}

const ROW = 34

export function bars({ title, subtitle, axis, rows, parts }: BarChart): Chart {
  const sum = (row: string) => parts.reduce((all, { values }) => all + (values[row] ?? 0), 0)
  return {
    title,
    subtitle,
    height: top + ROW * rows.length + bottom,
    option: {
      legend: legend(parts.map(({ name }) => name)),
      grid: { left: left(rows), right: 60, top, bottom, outerBoundsMode: 'none' },
      xAxis: valueAxis(axis),
      yAxis: rowAxis(rows, { splitLine: { show: false } }),
      series: parts.map(({ name, values }, index) => ({
        name,
        type: 'bar' as const,
        silent: true,
        stack: 'all',
        barWidth: 16,
        data: rows.map((row) => values[row] ?? 0),
        itemStyle: { color: palette[index % palette.length] },
        // The last part carries the sum, at the end of the whole bar.
        label: {
          show: index === parts.length - 1,
          position: 'right' as const,
          color: ink,
          fontSize: 12,
          formatter: ({ dataIndex }: { dataIndex: number }) => short(sum(rows[dataIndex] ?? '')),
        },
      })) as never,
    },
  }
}
