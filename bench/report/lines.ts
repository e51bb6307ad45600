// A chart of courses: one line for each subject.

import { legend, valueAxis } from './axes.ts'
import { bottom, type Chart, muted, palette, top } from './svg.ts'

export interface LineChart {
  readonly title: string
  readonly subtitle: string
  readonly xAxis: string
  readonly yAxis: string
  readonly isXLog?: boolean
  /** The ends of the x axis; without them those of the points. */
  readonly range?: readonly [from: number, to: number]
  readonly isYLog?: boolean
  /** A vertical line with a text. */
  readonly mark?: { readonly at: number; readonly text: string }
  readonly series: readonly {
    readonly name: string
    readonly points: readonly (readonly [number, number])[]
  }[]
  readonly hasPoints?: boolean
}

const HEIGHT = 380

export function lines(chart: LineChart): Chart {
  const {
    title,
    subtitle,
    xAxis,
    yAxis,
    isXLog,
    isYLog,
    range,
    mark,
    series,
    hasPoints = false,
  } = chart
  return {
    title,
    subtitle,
    height: HEIGHT,
    option: {
      legend: legend(series.map(({ name }) => name)),
      grid: { left: 76, right: 36, top: top + 14, bottom, outerBoundsMode: 'none' },
      xAxis: valueAxis(xAxis, isXLog, {
        min: range?.[0] ?? 'dataMin',
        max: range?.[1] ?? 'dataMax',
      }),
      yAxis: valueAxis(yAxis, isYLog, { nameGap: 44 }),
      series: series.map(({ name, points }, index) => ({
        name,
        type: 'line' as const,
        silent: true,
        data: points.map((point) => [...point]),
        showSymbol: hasPoints,
        symbolSize: 7,
        lineStyle: {
          width: index === 0 ? 3 : 1.6,
          color: palette[index % palette.length],
          type: index % 2 === 0 ? ('solid' as const) : ('dashed' as const),
        },
        itemStyle: { color: palette[index % palette.length] },
        z: index === 0 ? 3 : 2,
        ...(mark !== undefined &&
          index === 0 && {
            markLine: {
              silent: true,
              symbol: 'none',
              label: { formatter: mark.text, color: muted, fontSize: 11 },
              lineStyle: { color: muted, type: 'dashed' as const },
              data: [{ xAxis: mark.at }],
            },
          }),
      })) as never,
    },
  }
}
