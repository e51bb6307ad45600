// Kills a new process after its commit, and tells which failures that excuses: by facts that a client has.

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../until.ts'
import type { Outcome } from './tally.ts'

/**
 * How old an answer may be that the process had not told the old one of, in milliseconds. It tells
 * 10 µs for each of its connections later, about 1 ms under this load, or when the turn of its event
 * loop ends, whichever is first; the rest is for a process that has to wait for a core meanwhile.
 */
const lastTurnMs = 25

/** What a client knows of a request or message that was lost, or of a connection that was closed. */
export interface Loss {
  /** When the oldest thing under way on it was sent, or it was opened; undefined when it was at rest. */
  begunAt?: number | undefined
  /** The process that answered last on this connection. */
  usedBy?: string | undefined
  /**
   * When that answer was whole; undefined where it is not, and for a WebSocket, whose state goes with
   * the process.
   */
  answeredAt?: number | undefined
}

/**
 * The process is stopped (SIGSTOP) before it is killed. From the moment in which the kernel says
 * that it stands still it reads and accepts nothing more; so what is sent from then on was surely not
 * being executed by it, and must be answered.
 */
export class Death {
  #triggeredAt = Number.POSITIVE_INFINITY
  #stoppedAt = Number.POSITIVE_INFINITY
  /** It was killed, and the old process does not serve again yet. */
  #isRecent = false
  /** By pid: between which moments it came to stand still. */
  readonly #dead = new Map<string, { signalledAt: number; stoppedAt: number }>()

  /** The handoff whose new process is to die begins now: what is under way is the old process's. */
  expect(): void {
    this.#triggeredAt = performance.now()
    this.#stoppedAt = Number.POSITIVE_INFINITY
    this.#isRecent = false
  }

  /**
   * Stops the process, whatever it is doing, lets clients go on for a while, and kills it. From
   * outside: a process that stops itself has just done what it had to do.
   */
  async kill(pid: number, times: { stopAfterMs: number; holdMs: number }): Promise<void> {
    const { stopAfterMs, holdMs } = times
    await pause(stopAfterMs)
    const signalledAt = performance.now()
    process.kill(pid, 'SIGSTOP')
    await until(`process ${pid} stands still`, () => standsStill(pid))
    this.#stoppedAt = performance.now()
    this.#isRecent = true
    this.#dead.set(`${pid}`, { signalledAt, stoppedAt: this.#stoppedAt })
    await pause(holdMs)
    process.kill(pid, 'SIGKILL')
  }

  /** The old process serves again: what it fails to answer from now on is not excused. */
  settle(): void {
    this.#isRecent = false
  }

  /**
   * Whether the process may have been executing what was lost, or had no time to tell how it left
   * its connection.
   *
   * @remarks What was sent after the handoff began and before the process stood still may have been
   * read by it; what is older was read by the old process, which lives. A connection on which it has
   * answered goes on, unless that was in its last moment: docs/limits.md. A slow reader notices late
   * that an answer was cut.
   */
  excuses({ begunAt, usedBy, answeredAt }: Loss): boolean {
    const death = this.#dead.get(usedBy ?? '')
    if (death !== undefined) {
      // Also where the notice comes late, and the death is not recent any more.
      if (answeredAt === undefined || answeredAt > death.signalledAt - lastTurnMs) return true
      if (begunAt !== undefined && begunAt <= death.stoppedAt) return true
    }
    if (!this.#isRecent || begunAt === undefined) return false
    return begunAt >= this.#triggeredAt && begunAt <= this.#stoppedAt
  }

  /** Turns the failure of a request that was cut with the process into a `cut`, which is none. */
  readonly judge = (outcome: Outcome): Outcome => {
    const { kind, ms, pid, answeredAt } = outcome
    if (kind !== 'reset' && kind !== 'truncated') return outcome
    const loss = { begunAt: performance.now() - ms, usedBy: pid, answeredAt }
    return this.excuses(loss) ? { ...outcome, kind: 'cut' } : outcome
  }
}

/** By the letter after the command name in /proc/PID/stat, see proc_pid_stat(5). */
function standsStill(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] === 'T'
}
