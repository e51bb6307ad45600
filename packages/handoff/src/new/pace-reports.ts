// Stage ramp, new side: reports to the old process how late the event loop of this one is.

import { type LoopMeter, noLoopMeter } from '../io/system/loop-meter.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { MessageOf } from '../protocol/messages.ts'

/**
 * Time until the first report, in milliseconds: without load it ends the ramp. Long enough to notice a load of
 * a hundred clients a second.
 */
const firstMs = 20
/** Time between two reports, in milliseconds. */
const intervalMs = 50

/** How much longer than expected a ramp may last before this process warns, in milliseconds. */
const marginMs = 10_000

export interface PaceHandlers {
  /** Resolves when the kernel has the message, or the old process is dead. */
  send(message: MessageOf<'pace'>): Promise<void>
  /** The old process has not ended the ramp after so many milliseconds. */
  onOverdue(ms: number): void
}

export class PaceReports {
  readonly #system: Pick<System, 'timer' | 'measureLoop'>
  readonly #handlers: PaceHandlers
  #isSending = false
  #meter: LoopMeter = noLoopMeter
  #timer: Timer | undefined
  #overdue: Timer | undefined

  constructor(system: Pick<System, 'timer' | 'measureLoop'>, handlers: PaceHandlers) {
    this.#system = system
    this.#handlers = handlers
  }

  /** @param rampMs - how long the ramp lasts at most, as far as this process knows. */
  begin(rampMs: number): void {
    this.#meter = this.#system.measureLoop()
    this.#wait(firstMs)
    const ms = rampMs + marginMs
    this.#overdue = this.#system.timer(ms, () => this.#handlers.onOverdue(ms), true)
  }

  end(): void {
    this.#timer?.cancel()
    this.#overdue?.cancel()
    this.#meter.stop()
    this.#meter = noLoopMeter
  }

  #wait(ms: number): void {
    this.#timer = this.#system.timer(ms, () => this.#report(), true)
  }

  #report(): void {
    this.#wait(intervalMs)
    // The old process does not read. More reports would only pile up in this one.
    if (this.#isSending) return
    this.#isSending = true
    const { meanMs, mostMs } = this.#meter.take()
    const message = { meanUs: microseconds(meanMs), mostUs: microseconds(mostMs) }
    void this.#handlers.send({ type: 'pace', ...message }).then(() => {
      this.#isSending = false
    })
  }
}

function microseconds(ms: number): number {
  return Math.round(ms * 1_000)
}

/** Describes an old process that does not end its ramp, for its operator. */
export function longRampText(pid: number, ms: number): string {
  const why = 'it hangs, or is stopped (SIGSTOP, a debugger), or its rampMs is longer'
  const what = `the old process (pid ${pid}) has not ended its ramp after ${ms / 1_000} s: ${why}`
  return `${what}. The next handoff waits for that: \`kill -9 ${pid}\` ends it`
}
