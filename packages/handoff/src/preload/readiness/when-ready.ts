// Decides when a program that knows nothing of handoffs is ready to serve in place of the old process.

import type { System, Timer } from '../../io/system/system.ts'
import { HandoffError } from '../../terms/errors.ts'
import { longestMs, numberOf } from '../../terms/options.ts'

/**
 * `listeners`: the program listens wherever the old process does. A number: the same, or so many
 * milliseconds after its last listen. `message`: the program says so.
 */
export type ReadyRule = 'listeners' | 'message' | number

/**
 * How long nothing may change before the listeners count: so many turns of the event loop, so many
 * milliseconds apart. A program that probes a port (get-port, detect-port, portfinder) closes its
 * listener within one or two turns. Each timer takes a turn of its own, so that a program that
 * computes for a while in between gets its turns all the same.
 */
const quietTurns = 5
const turnMs = 10

/** How long a listener may be missing before the operator hears of it, in milliseconds. */
const patienceMs = 1_000

/** Reads `HANDOFF_READY`. @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION */
export function readReadyRule(text: string | undefined): ReadyRule {
  if (text === undefined || text === '') return 'listeners'
  if (text === 'message') return text
  const ms = numberOf(text)
  if (ms >= 0 && ms <= longestMs) return ms
  throw new HandoffError(
    'ERR_HANDOFF_INVALID_OPTION',
    `cannot create the handoff: HANDOFF_READY is ${text}, neither "message" nor a number of milliseconds`,
  )
}

/** What it asks of the process. */
export interface Candidate {
  /** Whether a server of the program listens through the handoff. */
  readonly listens: boolean
  /** Where the old process listens, and this one has to and does not. */
  readonly missing: readonly string[]
  ready(): Promise<void>
  /** Called once for each set of listeners that is missing for a while. */
  onMissing(places: readonly string[]): void
}

export class WhenReady {
  readonly #rule: ReadyRule
  readonly #timer: System['timer']
  #candidate: Candidate | undefined
  #underWay = 0
  #told = false
  /** Whether the program is not expected to listen through the handoff. */
  #idle = false
  #ended = false
  #pending: Timer | undefined
  #reported = ''

  constructor(rule: ReadyRule, timer: System['timer']) {
    this.#rule = rule
    this.#timer = timer
  }

  /** A listen begins. */
  begin(): void {
    this.#underWay += 1
    this.#pending?.cancel()
  }

  /** A listen has ended. @param candidate - the process, if there is a handoff. */
  end(candidate: Candidate | undefined): void {
    this.#underWay -= 1
    this.#candidate ??= candidate
    this.changed()
  }

  /** The program says that it is ready. */
  tell(): void {
    this.#told = true
    this.changed()
  }

  /** The program has listened on nothing so far: it may serve without. */
  idle(candidate: Candidate): void {
    this.#candidate ??= candidate
    this.#idle = true
    this.changed()
  }

  /** Call this whenever a listener was closed. */
  changed(): void {
    this.#pending?.cancel()
    const candidate = this.#candidate
    if (candidate === undefined || this.#ended || this.#underWay > 0) return
    const { missing } = candidate
    const mayServe = candidate.listens || this.#idle
    if (this.#rule === 'message') {
      if (this.#told && mayServe) this.#ready(candidate)
    } else if (missing.length === 0) {
      if (mayServe) this.#waitForQuiet(candidate, quietTurns)
    } else if (this.#rule === 'listeners') {
      this.#pending = this.#timer(patienceMs, () => this.#stillMissing(candidate, missing), true)
    } else if (mayServe) {
      this.#pending = this.#timer(this.#rule, () => this.#ready(candidate))
    }
  }

  #waitForQuiet(candidate: Candidate, turns: number): void {
    this.#pending = this.#timer(turnMs, () => {
      if (turns > 1) this.#waitForQuiet(candidate, turns - 1)
      else this.#ready(candidate)
    })
  }

  /** Looks again each second: nothing reports when a child of this process begins to listen. */
  #stillMissing(candidate: Candidate, missing: readonly string[]): void {
    if (candidate.missing.join() === missing.join()) this.#report(candidate, missing)
    this.changed()
  }

  #report(candidate: Candidate, missing: readonly string[]): void {
    const text = missing.join()
    if (text === this.#reported) return
    this.#reported = text
    candidate.onMissing(missing)
  }

  #ready(candidate: Candidate): void {
    this.#ended = true
    // Rejects only where the process exits by itself, saying why.
    candidate.ready().catch(() => {})
  }
}
