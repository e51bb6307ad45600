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

export class PaceReports {
  readonly #system: Pick<System, 'timer' | 'measureLoop'>
  readonly #send: (message: MessageOf<'pace'>) => void
  #meter: LoopMeter = noLoopMeter
  #timer: Timer | undefined

  constructor(
    system: Pick<System, 'timer' | 'measureLoop'>,
    send: (message: MessageOf<'pace'>) => void,
  ) {
    this.#system = system
    this.#send = send
  }

  begin(): void {
    this.#meter = this.#system.measureLoop()
    this.#wait(firstMs)
  }

  end(): void {
    this.#timer?.cancel()
    this.#meter.stop()
    this.#meter = noLoopMeter
  }

  #wait(ms: number): void {
    this.#timer = this.#system.timer(ms, () => this.#report(), true)
  }

  #report(): void {
    this.#wait(intervalMs)
    const { meanMs, mostMs } = this.#meter.take()
    this.#send({ type: 'pace', meanUs: microseconds(meanMs), mostUs: microseconds(mostMs) })
  }
}

function microseconds(ms: number): number {
  return Math.round(ms * 1_000)
}
