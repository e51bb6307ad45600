// Lists the processes of a session, from the kernel.

import { readdirSync, readFileSync } from 'node:fs'

/** Returns the living processes of a session, without its leader. Empty on macOS. */
export function sessionMembers(leader: number): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== leader && sessionOf(pid) === leader)
  } catch {
    return []
  }
}

/** Whether a process is alive. A zombie is not. */
export function isAlive(pid: number): boolean {
  return livingStatOf(pid) !== undefined
}

/** Returns the session of a living process; undefined if it has ended. */
export function sessionOf(pid: number): number | undefined {
  const stat = livingStatOf(pid)
  return stat === undefined ? undefined : Number(stat[3])
}

/** Returns the fields of proc_pid_stat(5) from the state on: the name before it may contain anything. */
function livingStatOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const stat = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return stat[0] === 'Z' || stat[0] === 'X' ? undefined : stat
  } catch {
    return undefined
  }
}
