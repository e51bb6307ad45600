// A chart of rows: each run is a dot, and the median of the runs a mark.

import { legend, rowAxis, valueAxis } from './axes.ts'
import { bottom, type Chart, left, palette, paper, top } from './svg.ts'

export interface DotSeries {
  readonly name: string
  /** By row: a value for each run. */
  readonly values: Readonly<Record<string, readonly number[]>>
  /** By row. */
  readonly median: Readonly<Record<string, number>>
}

export interface DotChart {
  readonly title: string
  readonly subtitle: string
  /** With the unit. */
  readonly axis: string
  readonly isLog?: boolean
  /** A line at this value, such as 1 for a ratio. */
  readonly line?: number
  readonly rows: readonly string[]
  readonly series: readonly DotSeries[]
}

const ROW = 38

export function dots({
  title,
  subtitle,
  axis,
  isLog = false,
  line,
  rows,
  series,
}: DotChart): Chart {
  const above = series.length > 1 ? top : top - 24 // Without a legend.
  const height = above + ROW * rows.length + bottom
  const shift = (index: number) => (index - (series.length - 1) / 2) * 13
  return {
    title,
    subtitle,
    height,
    option: {
      legend: series.length > 1 ? legend(series.map(({ name }) => name)) : { show: false },
      grid: { left: left(rows), right: 48, top: above, bottom, outerBoundsMode: 'none' },
      xAxis: valueAxis(axis, isLog, { scale: true }),
      yAxis: rowAxis(rows),
      series: series.flatMap(({ name, values, median }, index) => {
        const color = palette[index % palette.length] as string
        const offset: [number, number] = [0, shift(index)]
        const points = rows.flatMap((row) => (values[row] ?? []).map((value) => [value, row]))
        // Right of all dots of the row.
        const labels = rows.flatMap((row) =>
          median[row] === undefined
            ? []
            : [[Math.max(median[row], ...(values[row] ?? [])), row, short(median[row])]],
        )
        const medians = rows.flatMap((row) =>
          median[row] === undefined ? [] : [[median[row], row]],
        )
        return [
          {
            name,
            type: 'scatter' as const,
            silent: true,
            data: medians,
            symbol: 'diamond',
            symbolSize: 13,
            symbolOffset: offset,
            itemStyle: { color, opacity: 1, borderColor: paper, borderWidth: 1 },
            z: 3,
            ...(line !== undefined &&
              index === 0 && {
                markLine: {
                  silent: true,
                  symbol: 'none',
                  label: { show: false },
                  lineStyle: { color: palette[5], type: 'dashed' as const },
                  data: [{ xAxis: line }],
                },
              }),
          },
          {
            name,
            type: 'scatter' as const,
            silent: true,
            data: points,
            symbolSize: 6,
            symbolOffset: offset,
            itemStyle: { color, opacity: 0.45 },
            z: 2,
          },
          {
            type: 'scatter' as const,
            silent: true,
            data: labels,
            symbolSize: 1,
            symbolOffset: offset,
            itemStyle: { color: 'transparent', opacity: 1 },
            z: 4,
            label: {
              show: true,
              position: 'right' as const,
              distance: 6,
              formatter: '{@[2]}',
              color,
              fontSize: 11,
            },
          },
        ]
      }) as never,
    },
  }
}

/** Three digits that count. */
export function short(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) })
}
