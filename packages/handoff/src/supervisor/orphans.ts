// Processes of this run that are not our children: whose they are, and when they end.

import { readFileSync } from 'node:fs'

/** Stop and crash restarts wait for this word; half a second late is soon enough. */
const intervalMs = 500

/** Whether a process with this pid is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Whether a process was started to report to `notifyPath`, as the kernel has it on record. A
 * stranger of our own user could write to our socket, too.
 *
 * @see proc_pid_environ(5): the environment as it was at the start.
 */
export function isStartedFor(notifyPath: string, pid: number): boolean {
  if (process.platform !== 'linux') return isAlive(pid)
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return environment.includes(`NOTIFY_SOCKET=${notifyPath}`)
  } catch {
    // It has gone, or is not ours to look at.
    return false
  }
}

/**
 * Looks after processes that an earlier supervisor, or another process, has spawned.
 *
 * @remarks It asks only while there are any.
 */
export class Orphans {
  readonly #pids = new Set<number>()
  readonly #onGone: (pid: number) => void
  #timer: NodeJS.Timeout | undefined

  constructor(onGone: (pid: number) => void) {
    this.#onGone = onGone
  }

  add(pid: number): void {
    this.#pids.add(pid)
    this.#timer ??= setInterval(() => this.check(), intervalMs)
  }

  has(pid: number): boolean {
    return this.#pids.has(pid)
  }

  /** Asks the kernel now, for a status that is true. */
  check(): void {
    for (const pid of this.#pids) if (!isAlive(pid)) this.gone(pid)
  }

  /** Its end is known by other means: PID 1 has reaped it. */
  gone(pid: number): void {
    if (!this.#pids.delete(pid)) return
    if (this.#pids.size === 0) this.close()
    this.#onGone(pid)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
