// What a figure was taken on: without it a figure says nothing.

import { cpus, loadavg, release, totalmem, type } from 'node:os'

export function machine(): string {
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`
  const load = loadavg()[0]?.toFixed(2)
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${memory}, ${type()} ${release()}, Node ${process.version}, load ${load}`
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The smallest value that so many percent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}
