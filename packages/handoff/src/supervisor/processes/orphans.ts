// Processes of this run that are not our children: whose they are, and when they end.

import { readFileSync } from 'node:fs'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { ProcessHandle } from './process-handle.ts'

/**
 * Returns whether a process was started to report to `notifyPath`, as the kernel has it on record. A
 * stranger of our own user could write to our socket, too.
 *
 * @remarks Without /proc nothing is on record, and the directory's mode has to be enough.
 * @see proc_pid_environ(5): the environment as it was at the start.
 */
export function isStartedFor(notifyPath: string, pid: number): boolean {
  return hasVariable(pid, [`NOTIFY_SOCKET=${notifyPath}`])
}

/**
 * Returns whether a process, of which another one has reported that it served here, was started to serve
 * here: by a supervisor, or by hand. A number that is wrong leads to a process of somebody else.
 */
export function isOfRun({ notify, rendezvous }: RunDirectory, pid: number): boolean {
  return hasVariable(pid, [`NOTIFY_SOCKET=${notify}`, `HANDOFF_RENDEZVOUS=${rendezvous}`])
}

function hasVariable(pid: number, variables: readonly string[]): boolean {
  if (process.platform !== 'linux') return pid > 0
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return variables.some((variable) => environment.includes(variable))
  } catch {
    // It has gone, or is not ours to look at.
    return false
  }
}

/** Looks after processes that an earlier supervisor, or another process, has spawned. */
export class Orphans {
  readonly #handles = new Map<number, ProcessHandle>()
  readonly #onGone: (pid: number) => void

  constructor(onGone: (pid: number) => void) {
    this.#onGone = onGone
  }

  /**
   * Watches a process.
   *
   * @param isOurs - asked once the process is held: from then on its number means no other one.
   * @returns whether it is there and is ours. If not, nothing is watched.
   */
  add(pid: number, isOurs: (pid: number) => boolean): boolean {
    if (this.#handles.has(pid)) return true
    const handle = ProcessHandle.open(pid, () => this.gone(pid))
    if (handle === undefined) return false
    if (!isOurs(pid) || handle.hasEnded) {
      handle.close()
      return false
    }
    this.#handles.set(pid, handle)
    return true
  }

  has(pid: number): boolean {
    return this.#handles.has(pid)
  }

  /** Sends a signal. @throws a system error: `EPERM`. */
  signal(pid: number, signal: NodeJS.Signals): void {
    this.#handles.get(pid)?.signal(signal)
  }

  /** Asks the kernel now, for a status that is true. */
  check(): void {
    for (const [pid, handle] of this.#handles) if (handle.hasEnded) this.gone(pid)
  }

  /** Its end is known by other means: PID 1 has reaped it, or it is not ours to end. */
  gone(pid: number): void {
    const handle = this.#handles.get(pid)
    if (handle === undefined) return
    this.#handles.delete(pid)
    handle.close()
    this.#onGone(pid)
  }

  close(): void {
    for (const handle of this.#handles.values()) handle.close()
    this.#handles.clear()
  }
}
