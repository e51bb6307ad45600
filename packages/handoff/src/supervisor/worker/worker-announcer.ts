// Announces what the processes of one worker do by themselves, and how they end.

import type { HandoffEvent } from '../../terms/events.ts'
import type { Generations } from '../processes/generations.ts'
import { now } from '../registry/clock.ts'
import type { Exit } from '../registry/process-exit.ts'
import type { Report } from '../registry/process-report.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import { sideOf } from '../registry/side.ts'
import type { Announcement } from '../text/announcements.ts'
import * as say from '../text/announcements.ts'

export class WorkerAnnouncer {
  readonly #generations: Pick<Generations, 'registry' | 'hasSpawned' | 'change'>
  readonly #announce: (line: Announcement) => void
  readonly #isStopping: () => boolean
  /** By pid, the exception of a process, or what it wrote to stderr last. */
  readonly #reasons = new Map<number, string>()

  /** @param isStopping - whether the run ends. An old process may outlive the new one then. */
  constructor(
    generations: Pick<Generations, 'registry' | 'hasSpawned' | 'change'>,
    announce: (line: Announcement) => void,
    isStopping: () => boolean,
  ) {
    this.#generations = generations
    this.#announce = announce
    this.#isStopping = isStopping
  }

  /** Takes note of a report that may say why a process ends. */
  onReport(pid: number, { exception, lastOutput }: Report): void {
    // Of both, the exception says why.
    const reason = exception ?? this.#reasons.get(pid) ?? lastOutput
    if (reason !== undefined) this.#reasons.set(pid, reason)
  }

  /** Describes the end of a process, and forgets the process. */
  exitText(record: ProcessRecord, exit: Exit | undefined): Announcement {
    const reason = this.#reasons.get(record.pid)
    this.#reasons.delete(record.pid)
    return say.ended(record, exit, reason)
  }

  onEvent(pid: number, event: HandoffEvent): void {
    if (!this.#generations.registry.processes.has(pid)) return
    if (event.type === 'drained') this.#announce(say.event(event))
    if (event.type === 'taken-back' && !this.#isStopping()) this.#announce(say.event(event))
    // The server has begun this handoff by itself: no start of the supervisor announces its end.
    if (this.#generations.hasSpawned(pid)) return
    if (event.type === 'serving') this.#announce(say.event(event))
    if (event.type === 'aborted' && sideOf(event.stage) === 'new') {
      const { code, message } = event
      this.#generations.change({ type: 'aborted', code, message, at: now() })
      this.#announce(say.event(event))
    }
  }
}
