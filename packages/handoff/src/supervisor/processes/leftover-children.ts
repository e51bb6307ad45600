// Ends the children that outlive a process of the run.

import { isAlive, sessionMembers, sessionOf } from '../../io/system/session-members.ts'
import { startTimer, type Timer } from '../../io/system/system.ts'
import type { LeftSession } from '../registry/snapshot.ts'
import { ProcessHandle } from './process-handle.ts'

/** How long a child may take to end after SIGTERM, in milliseconds: 10 s, as `docker stop`. */
const killAfterMs = 10_000

export interface LeftoverChildrenOptions {
  /** Whether this pid is a process of the run itself. */
  isOfRun(pid: number): boolean
  /** Called when all children of a process have ended. */
  onEnded(): void
}

/**
 * Each process of a run has a session of its own, which its children share. A child that calls setsid(2)
 * (`detached` of child_process) is left alone.
 *
 * @remarks Without /proc the members of a session cannot be listed. Then the process group gets the
 * signals, and its end is not waited for.
 */
export class LeftoverChildren {
  readonly #options: LeftoverChildrenOptions
  /** The members of each session, by the pid of the process that led it. */
  readonly #sessions = new Map<number, Map<number, ProcessHandle>>()
  readonly #kills = new Map<number, { readonly timer: Timer; readonly at: number }>()

  constructor(options: LeftoverChildrenOptions) {
    this.#options = options
  }

  /** Whether a child has not ended yet. */
  get pending(): boolean {
    return this.#sessions.size > 0
  }

  /** A process has ended. Its children get SIGTERM, and SIGKILL if they do not end. */
  end(leader: number): void {
    if (process.platform !== 'linux') return endGroup(leader)
    if (this.#sessions.has(leader) || leader <= 1) return
    this.#sessions.set(leader, new Map())
    this.#signal(leader, 'SIGTERM')
    if (!this.#sessions.has(leader)) return
    this.#killAfter(leader, killAfterMs)
  }

  /** The state for the next release. */
  snapshot(): LeftSession[] {
    return [...this.#kills].map(([leader, { at }]) => ({
      leader,
      killInMs: Math.max(0, Math.round(at - performance.now())),
    }))
  }

  /** Waits for the children that the release before has ended. They get no second SIGTERM. */
  resume(left: readonly LeftSession[]): void {
    for (const { leader, killInMs } of left) {
      const session = new Map<number, ProcessHandle>()
      this.#addMembers(leader, session)
      if (session.size === 0) continue
      this.#sessions.set(leader, session)
      this.#killAfter(leader, killInMs)
    }
  }

  /** Kills all children now. */
  kill(): void {
    for (const leader of [...this.#sessions.keys()]) this.#signal(leader, 'SIGKILL')
  }

  close(): void {
    for (const leader of [...this.#sessions.keys()]) this.#forget(leader)
  }

  #killAfter(leader: number, ms: number): void {
    const timer = startTimer(ms, () => this.#signal(leader, 'SIGKILL'))
    this.#kills.set(leader, { timer, at: performance.now() + ms })
  }

  /** Sends the signal to each member once, also to members that were started since the last time. */
  #signal(leader: number, signal: NodeJS.Signals): void {
    const session = this.#sessions.get(leader)
    if (session === undefined) return
    const known = new Set(session.keys())
    this.#addMembers(leader, session)
    for (const [pid, handle] of session) {
      if (signal === 'SIGTERM' && known.has(pid)) continue
      try {
        handle.signal(signal)
      } catch {
        // It belongs to another user by now (EPERM), and is not waited for.
        handle.close()
        session.delete(pid)
      }
    }
    this.#removeEnded(leader)
  }

  /** Opens each member of the session: from then on its number means no other process. */
  #addMembers(leader: number, session: Map<number, ProcessHandle>): void {
    const pids = membersOf(leader)
    if (pids.some((pid) => this.#options.isOfRun(pid))) return
    for (const pid of pids) {
      if (session.has(pid)) continue
      const handle = ProcessHandle.open(pid, () => this.#onEnd(leader, pid))
      if (handle === undefined) continue
      if (sessionOf(pid) === leader) session.set(pid, handle)
      else handle.close()
    }
  }

  #onEnd(leader: number, pid: number): void {
    const session = this.#sessions.get(leader)
    session?.get(pid)?.close()
    session?.delete(pid)
    // It may have started another child just before.
    this.#signal(leader, 'SIGTERM')
  }

  #removeEnded(leader: number): void {
    const session = this.#sessions.get(leader)
    if (session === undefined) return
    for (const [pid, handle] of session) if (handle.hasEnded) session.delete(pid)
    if (session.size > 0) return
    this.#forget(leader)
    this.#options.onEnded()
  }

  #forget(leader: number): void {
    for (const handle of this.#sessions.get(leader)?.values() ?? []) handle.close()
    this.#sessions.delete(leader)
    this.#kills.get(leader)?.timer.cancel()
    this.#kills.delete(leader)
  }
}

/**
 * The living processes of a session whose leader has ended.
 *
 * @remarks The kernel does not reuse the number of a session as long as it has a member (pid_nr(9) of its
 * `struct pid`). So a living process of that number leads another session.
 */
function membersOf(leader: number): number[] {
  return isAlive(leader) ? [] : sessionMembers(leader)
}

function endGroup(leader: number): void {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-leader, name)
    } catch {
      // It has ended (ESRCH), or belongs to another user (EPERM).
    }
  }
  signal('SIGTERM')
  setTimeout(() => signal('SIGKILL'), killAfterMs).unref()
}
