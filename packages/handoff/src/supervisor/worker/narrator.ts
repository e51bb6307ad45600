// Tells the operator what the processes of one worker do by themselves.

import type { HandoffEvent } from '../../terms/events.ts'
import type { Generations } from '../processes/generations.ts'
import { now } from '../registry/clock.ts'
import type { Report } from '../registry/event.ts'
import type { Exit } from '../registry/exit.ts'
import type { ProcessRecord } from '../registry/registry.ts'
import { sideOf } from '../registry/side.ts'
import * as say from '../text/announce.ts'
import { LastWords } from './last-words.ts'

export class Narrator {
  readonly #generations: Generations
  readonly #announce: (line: say.Line) => void
  readonly #isStopping: () => boolean
  readonly #words = new LastWords()

  /** @param isStopping - whether the run ends: an old process may outlast the new one then. */
  constructor(
    generations: Generations,
    announce: (line: say.Line) => void,
    isStopping: () => boolean,
  ) {
    this.#generations = generations
    this.#announce = announce
    this.#isStopping = isStopping
  }

  /** Takes note of whatever may tell why a process ends. */
  listen(pid: number, report: Report): void {
    this.#words.heard(pid, report)
  }

  /** The line about the end of a process, which may be as expected. */
  endOf(record: ProcessRecord, exit: Exit | undefined): say.Line {
    return say.ended(record, exit, this.#words.take(record.pid))
  }

  heard(pid: number, event: HandoffEvent): void {
    const record = this.#generations.registry.processes.get(pid)
    if (record === undefined) return
    if (event.type === 'drained') this.#announce(say.event(event))
    if (event.type === 'taken-back' && !this.#isStopping()) this.#announce(say.event(event))
    // A handoff that the server began by itself: no start of ours tells how it ended.
    if (this.#generations.hasSpawned(pid)) return
    if (event.type === 'serving') this.#announce(say.event(event))
    if (event.type === 'aborted' && sideOf(event.stage) === 'new') {
      const { code, message } = event
      this.#generations.change({ type: 'aborted', code, message, at: now() })
      this.#announce(say.event(event))
    }
  }
}
