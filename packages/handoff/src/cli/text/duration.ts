// Reads and writes durations: 500ms, 30s, 2m, 1h.

import { longestMs } from '../../terms/options.ts'

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/**
 * Reads a duration. A plain number is seconds, as in units of systemd. `infinity` is the longest timeout, 24
 * days.
 *
 * @returns milliseconds; undefined if the text is no duration.
 */
export function parseDuration(text: string): number | undefined {
  if (text.trim() === 'infinity') return longestMs
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim()) ?? []
  const factor = units[unit || 's']
  if (number === '' || factor === undefined) return undefined
  const ms = Math.round(Number(number) * factor)
  return ms <= longestMs ? ms : undefined
}

/** Writes a duration in its two largest units: `1h 5m`, `3m 20s`, `12s`, `340ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h ${minutes % 60}m`
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}
