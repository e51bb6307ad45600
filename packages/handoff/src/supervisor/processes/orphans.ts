// Follows processes of this run that are no children of the supervisor.

import { readFileSync } from 'node:fs'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { ProcessHandle } from './process-handle.ts'

/**
 * Returns whether a process was started to report to `notifyPath`, by its environment. Any process of the same
 * user could write to the socket, too.
 *
 * @remarks Without /proc the environment cannot be read, and the mode of the directory has to be enough.
 * @see proc_pid_environ(5): the environment as it was at the start.
 */
export function isStartedFor(notifyPath: string, pid: number): boolean {
  return hasVariable(pid, [`NOTIFY_SOCKET=${notifyPath}`])
}

/**
 * Returns whether a process that another one has named was started to serve here, by a supervisor or by
 * hand. A wrong number would lead to a process of another user.
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
    // It has ended, or belongs to another user.
    return false
  }
}

/** Follows processes that an earlier supervisor or another process has spawned. */
export class Orphans {
  readonly #handles = new Map<number, ProcessHandle>()
  readonly #onEnded: (pid: number) => void

  constructor(onEnded: (pid: number) => void) {
    this.#onEnded = onEnded
  }

  /**
   * Watches a process.
   *
   * @param isOurs - called when the process is held: from then on its number means no other process.
   * @returns whether the process lives and is ours. If not, it is not watched.
   */
  add(pid: number, isOurs: (pid: number) => boolean): boolean {
    if (this.#handles.has(pid)) return true
    const handle = ProcessHandle.open(pid, () => this.onExit(pid))
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

  /** Removes processes that have ended, by the kernel's word. */
  refresh(): void {
    for (const [pid, handle] of this.#handles) if (handle.hasEnded) this.onExit(pid)
  }

  /** A process has ended, or may not be signalled. */
  onExit(pid: number): void {
    const handle = this.#handles.get(pid)
    if (handle === undefined) return
    this.#handles.delete(pid)
    handle.close()
    this.#onEnded(pid)
  }

  close(): void {
    for (const handle of this.#handles.values()) handle.close()
    this.#handles.clear()
  }
}
