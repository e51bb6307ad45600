// Kills a new process after its commit, and tells which failures that excuses: by facts that a client has.

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../until.ts'
import type { Outcome } from './tally.ts'

/** What a client knows of a request or message that was lost, or of a connection that was closed. */
export interface Loss {
  /** When the oldest thing under way on it was sent, or it was opened; undefined when it was at rest. */
  begunAt?: number | undefined
  /** The process that answered last on this connection. */
  usedBy?: string | undefined
}

/**
 * The process is stopped (SIGSTOP) before it is killed. From the moment in which the kernel says
 * that it stands still it reads and accepts nothing more; so what is sent from then on was surely not
 * being executed by it, and must be answered, unless it is sent on a connection that it had used.
 */
export class Death {
  #triggeredAt = Number.POSITIVE_INFINITY
  #stoppedAt = Number.POSITIVE_INFINITY
  /** It was killed, and the old process does not serve again yet. */
  #isRecent = false
  readonly #dead = new Set<string>()

  /** The handoff whose new process is to die begins now: what is under way is the old process's. */
  expect(): void {
    this.#triggeredAt = performance.now()
    this.#stoppedAt = Number.POSITIVE_INFINITY
    this.#isRecent = false
  }

  /** Waits until the process stands still, lets clients go on for a while, and kills it. */
  async kill(pid: number, holdMs: number): Promise<void> {
    await until(`process ${pid} stands still`, () => standsStill(pid))
    this.#stoppedAt = performance.now()
    this.#isRecent = true
    this.#dead.add(`${pid}`)
    await pause(holdMs)
    process.kill(pid, 'SIGKILL')
  }

  /** The old process serves again: what it fails to answer from now on is not excused. */
  settle(): void {
    this.#isRecent = false
  }

  /**
   * Whether the process may have been executing what was lost, or have used its connection.
   *
   * @remarks What was sent after the handoff began and before the process stood still may have been
   * read by it; what is older was read by the old process, which lives. On a connection on which it
   * has answered, nobody but the dead process knows whether it was about to write or had read more:
   * docs/limits.md says that such a connection is closed. A slow reader notices that late.
   */
  excuses({ begunAt, usedBy }: Loss): boolean {
    if (usedBy !== undefined && this.#dead.has(usedBy)) return true
    if (!this.#isRecent || begunAt === undefined) return false
    return begunAt >= this.#triggeredAt && begunAt <= this.#stoppedAt
  }

  /** Turns the failure of a request that was cut with the process into a `cut`, which is none. */
  readonly judge = (outcome: Outcome): Outcome => {
    const { kind, ms, pid } = outcome
    if (kind !== 'reset' && kind !== 'truncated') return outcome
    const loss = { begunAt: performance.now() - ms, usedBy: pid }
    return this.excuses(loss) ? { ...outcome, kind: 'cut' } : outcome
  }
}

/** By the letter after the command name in /proc/PID/stat, see proc_pid_stat(5). */
function standsStill(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] === 'T'
}
