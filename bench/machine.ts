// What a figure was taken on: without it a figure says nothing.

import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

export function machine(): string {
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`
  const load = loadavg()[0]?.toFixed(2)
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${memory}, ${type()} ${release()}, Node ${process.version}, load ${load}`
}

/** 10: a clock tick of /proc, 1/100 s on every Linux platform of Node (sysconf(3), _SC_CLK_TCK). */
const TICK_MS = 10

/** Processor time of a process so far, user and system; NaN without /proc. See proc_pid_stat(5). */
export function cpuTimeMs(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  // The fields after the command name, which may hold spaces itself; utime is the 14th of all.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/**
 * What the main thread of a process has had so far, in milliseconds: time on a processor, and time
 * in which it was ready and another had it. NaN without /proc/<pid>/schedstat.
 *
 * @see the kernel's Documentation/scheduler/sched-stats.rst
 */
export function mainThreadMs(pid: number): { ran: number; waited: number } {
  if (process.platform !== 'linux') return { ran: Number.NaN, waited: Number.NaN }
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number)
  return { ran: (ran ?? Number.NaN) / 1e6, waited: (waited ?? Number.NaN) / 1e6 }
}

/** The soft limit on descriptors of this process (getrlimit(2), RLIMIT_NOFILE); NaN without /proc. */
export function descriptorLimit(): number {
  if (process.platform !== 'linux') return Number.NaN
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The smallest value that so many percent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}
