// Describes the machine that a figure was taken on, and reads the processor time of its processes.

import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** Without it a figure says nothing. */
export interface Machine {
  readonly cores: number
  readonly processor: string
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Processes that ran or wanted to run, as the mean of a minute: 0 is a quiet machine. */
  readonly load: number
}

export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${type()} ${release()}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? Number.NaN) * 100) / 100,
  }
}

/** The machine in one line. */
export function machine(
  { cores, processor, memoryGiB, ...others }: Machine = describeMachine(),
): string {
  const { system, node, load } = others
  return `${cores} × ${processor}, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load}`
}

/** More than this share of the cores is work of others: figures of such a machine are no good. */
const BUSY = 0.5

export function isBusy({ load, cores }: Machine): boolean {
  return load > BUSY * cores
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
export function mainThreadMs(pid: number | string): { ran: number; waited: number } {
  if (process.platform !== 'linux') return { ran: Number.NaN, waited: Number.NaN }
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number)
  return { ran: (ran ?? Number.NaN) / 1e6, waited: (waited ?? Number.NaN) / 1e6 }
}

/**
 * What all threads of a process have had on a processor so far, in milliseconds, as {@link mainThreadMs}. A thread that
 * has ended counts no more.
 */
export function allThreadsMs(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + mainThreadMs(`${pid}/task/${thread}`).ran, 0)
}

/** The soft limit on descriptors of this process (getrlimit(2), RLIMIT_NOFILE); NaN without /proc. */
export function descriptorLimit(): number {
  if (process.platform !== 'linux') return Number.NaN
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
}
