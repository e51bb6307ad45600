// What the kernel says about processes: Linux's /proc, and signal 0 elsewhere.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { until } from './until.ts'

/** Whether tests may count descriptors and find processes by their environment. */
export const hasProc = process.platform === 'linux'

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !hasProc || stateOf(pid) !== 'Z'
}

/** Whether a process waits for something to happen: all that has happened so far it has dealt with. */
export function isAsleep(pid: number): boolean {
  return stateOf(pid) === 'S'
}

/** Resolves when the process has gone; a zombie has. */
export async function gone(pid: number, deadlineMs?: number): Promise<void> {
  await until(`process ${pid} ends`, () => !alive(pid), deadlineMs)
}

/** What each open descriptor refers to, such as `socket:[4711]`: its inode tells sockets apart. */
export function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return [] // It was closed since it was listed.
    }
  })
}

/** The numbers above stdio that a program started by this process would have, too: proc_pid_fdinfo(5). */
export function keptOnExec(pid: number): number[] {
  const closeOnExec = 0o2000000
  return readdirSync(`/proc/${pid}/fdinfo`)
    .map(Number)
    .filter((fd) => {
      if (fd <= 2) return false
      try {
        const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
        const [, flags = '0'] = /^flags:\s+(\d+)/m.exec(info) ?? []
        return (Number.parseInt(flags, 8) & closeOnExec) === 0
      } catch {
        return false // It was closed since it was listed.
      }
    })
}

/** The file that a process runs. */
export function executableOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/exe`)
}

/** The processes that were started with this variable in their environment; none without /proc. */
export function startedWith(name: string, value: string): number[] {
  if (!hasProc) return []
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter(
      (pid) => pid !== process.pid && alive(pid) && environmentOf(pid).includes(`${name}=${value}`),
    )
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return [] // It has gone since it was listed.
  }
}

/** The letter after the command name in /proc/PID/stat, see proc_pid_stat(5). */
function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] ?? ''
  } catch {
    return 'Z' // It has gone since it was asked.
  }
}
