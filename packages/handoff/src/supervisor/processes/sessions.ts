// Ends what a process leaves behind: the children of its session that outlive it.

import { isAlive, sessionMembers, sessionOf } from '../../io/system/session-members.ts'
import { startTimer, type Timer } from '../../io/system/system.ts'
import type { LeftSession } from '../registry/snapshot.ts'
import { ProcessHandle } from './process-handle.ts'

/** How long a process may take after SIGTERM, in milliseconds: 10 s, as `docker stop`. */
const killAfterMs = 10_000

export interface SessionsOptions {
  /** Whether a process is one of the run, and not what another one has left. */
  isOfRun(pid: number): boolean
  /** Called when nothing is left. */
  onEnded(): void
}

/**
 * Each process of a run has a session of its own, which its children share, unless they call
 * setsid(2) (`detached` of child_process): those are processes of their own.
 *
 * @remarks Without /proc the kernel does not list a session. There the process group gets the signals,
 * and nothing waits for it.
 */
export class Sessions {
  readonly #options: SessionsOptions
  /** What is left of each session, by the pid of the process that led it. */
  readonly #sessions = new Map<number, Map<number, ProcessHandle>>()
  readonly #kills = new Map<number, { readonly timer: Timer; readonly at: number }>()

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** Whether something has not ended yet. */
  get pending(): boolean {
    return this.#sessions.size > 0
  }

  /** A process has ended: what is left of its session gets SIGTERM, and SIGKILL after a while. */
  end(leader: number): void {
    if (process.platform !== 'linux') return endGroup(leader)
    if (this.#sessions.has(leader) || leader <= 1) return
    this.#sessions.set(leader, new Map())
    this.#signal(leader, 'SIGTERM')
    if (!this.#sessions.has(leader)) return
    this.#killAfter(leader, killAfterMs)
  }

  /** Sessions of which something is left, for the release that takes the place of this one. */
  snapshot(): LeftSession[] {
    return [...this.#kills].map(([leader, { at }]) => ({
      leader,
      killInMs: Math.max(0, Math.round(at - performance.now())),
    }))
  }

  /** Waits for what the release before has ended; nothing gets a second SIGTERM. */
  resume(left: readonly LeftSession[]): void {
    for (const { leader, killInMs } of left) {
      const session = new Map<number, ProcessHandle>()
      this.#look(leader, session)
      if (session.size === 0) continue
      this.#sessions.set(leader, session)
      this.#killAfter(leader, killInMs)
    }
  }

  /** Waits no longer. */
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

  /** Sends the signal to each process once, also to those that were started since the last time. */
  #signal(leader: number, signal: NodeJS.Signals): void {
    const session = this.#sessions.get(leader)
    if (session === undefined) return
    const known = new Set(session.keys())
    this.#look(leader, session)
    for (const [pid, handle] of session) {
      if (signal === 'SIGTERM' && known.has(pid)) continue
      try {
        handle.signal(signal)
      } catch {
        // Another user's by now (EPERM): it is not ours to end, nor to wait for.
        handle.close()
        session.delete(pid)
      }
    }
    this.#settle(leader)
  }

  /** Holds each process of the session: from then on its number means no other one. */
  #look(leader: number, session: Map<number, ProcessHandle>): void {
    const pids = membersOf(leader)
    if (pids.some((pid) => this.#options.isOfRun(pid))) return
    for (const pid of pids) {
      if (session.has(pid)) continue
      const handle = ProcessHandle.open(pid, () => this.#ended(leader, pid))
      if (handle === undefined) continue
      if (sessionOf(pid) === leader) session.set(pid, handle)
      else handle.close()
    }
  }

  #ended(leader: number, pid: number): void {
    const session = this.#sessions.get(leader)
    session?.get(pid)?.close()
    session?.delete(pid)
    // It may have started another one just before.
    this.#signal(leader, 'SIGTERM')
  }

  #settle(leader: number): void {
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
 * @remarks The kernel gives the number of a session to no process as long as one of the session is left
 * (pid_nr(9) of its `struct pid`). So a living process of that number leads another session.
 */
function membersOf(leader: number): number[] {
  return isAlive(leader) ? [] : sessionMembers(leader)
}

function endGroup(leader: number): void {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-leader, name)
    } catch {
      // Nothing is left (ESRCH), or it is not ours (EPERM).
    }
  }
  signal('SIGTERM')
  setTimeout(() => signal('SIGKILL'), killAfterMs).unref()
}
