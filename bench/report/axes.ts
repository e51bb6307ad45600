// Axes, legends and marks that all charts share.

import { ink, muted, rules } from './svg.ts'

const label = { color: muted, fontSize: 12 }
const line = { lineStyle: { color: rules } }

export function valueAxis(name: string, isLog = false, more: object = {}) {
  return {
    type: isLog ? ('log' as const) : ('value' as const),
    name,
    nameLocation: 'middle' as const,
    nameGap: 28,
    nameTextStyle: { color: muted, fontSize: 12 },
    axisLabel: { ...label, formatter: (value: number) => value.toLocaleString('en') },
    axisLine: { show: true, ...line },
    axisTick: { show: true, ...line },
    splitLine: line,
    ...more,
  }
}

/** Categories from the top down. */
export function rowAxis(rows: readonly string[], more: object = {}) {
  return {
    type: 'category' as const,
    data: [...rows],
    inverse: true,
    axisLabel: { color: ink, fontSize: 13, interval: 0 },
    axisLine: { show: true, ...line },
    axisTick: { show: false },
    splitLine: { show: true, interval: 0, ...line },
    ...more,
  }
}

export function legend(names: readonly string[]) {
  return {
    data: [...names],
    left: 12,
    top: 54,
    itemGap: 34,
    itemWidth: 16,
    itemHeight: 10,
    selectedMode: false,
    textStyle: { color: ink, fontSize: 12 },
  }
}
