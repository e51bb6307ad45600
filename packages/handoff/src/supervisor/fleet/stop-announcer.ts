// Announces a stop, and what it waits for.

import { startTimer } from '../../io/system/system.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import type { Announcement } from '../text/announcements.ts'
import * as say from '../text/announcements.ts'

/** After this time each process has reported which connections the stop has left: they report each second. */
const waitingAfterMs = 1_500

export interface StopAnnouncerContext {
  /** Whether the supervisor has a terminal, and is stopped by its Ctrl-C. */
  readonly terminal: boolean
  /** Whether a stop waits for nothing for long. */
  readonly isShort: boolean
  processes(): readonly ProcessRecord[]
  /** How long the processes may still take, in milliseconds. */
  leftMs(): number
  announce(line: Announcement): void
}

export class StopAnnouncer {
  readonly #context: StopAnnouncerContext

  constructor(context: StopAnnouncerContext) {
    this.#context = context
  }

  /**
   * Announces the stop, and a little later what it waits for, unless it is over.
   *
   * @param by - a second signal kills the processes. After a command it takes two.
   * @param ended - resolves when the run has ended.
   */
  begin(by: 'signal' | 'command', ended: Promise<unknown>): void {
    const { announce, processes } = this.#context
    announce(say.stopping(processes().length))
    const timer = startTimer(waitingAfterMs, () =>
      this.waiting(by === 'signal' ? 'again' : 'twice'),
    )
    void ended.then(() => timer.cancel())
  }

  /** Announces what the stop waits for now. */
  waiting(howOften: 'again' | 'twice'): void {
    const { announce, processes: list, terminal, isShort, leftMs } = this.#context
    const processes = list()
    if (isShort || processes.length === 0) return
    announce(say.waitsFor(processes, leftMs(), `${terminal ? 'Ctrl-C' : 'SIGTERM'} ${howOften}`))
  }
}
