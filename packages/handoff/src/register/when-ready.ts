// When a program that does not say so is ready to serve in place of the old process.

import { HandoffError } from '../errors.ts'
import type { System, Timer } from '../io/system.ts'
import { longestMs, numberOf } from '../options.ts'

/** The program's own word, or so many milliseconds after its last listen. */
export type ReadyRule = 'message' | number

/**
 * How long to wait for listeners of the old process that nobody has asked for, in milliseconds:
 * a program listens at its start, in one go; what it does not ask for by then it has given up.
 */
const defaultGraceMs = 1_000

/** Reads `HANDOFF_READY`. @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION */
export function readReadyRule(text: string | undefined): ReadyRule {
  if (text === undefined || text === '') return defaultGraceMs
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
  /** 1 where there is no old process. */
  readonly generation: number
  /** How many listeners of the old process nobody has asked for yet. */
  readonly unclaimed: number
  ready(): Promise<void>
}

export class WhenReady {
  readonly #rule: ReadyRule
  readonly #timer: System['timer']
  #candidate: Candidate | undefined
  #underWay = 0
  #told = false
  #grace: Timer | undefined

  constructor(rule: ReadyRule, timer: System['timer']) {
    this.#rule = rule
    this.#timer = timer
  }

  /** A listen begins. */
  begin(): void {
    this.#underWay += 1
    this.#grace?.cancel()
  }

  /** A listen has ended. @param candidate - who listens; undefined where it failed. */
  end(candidate: Candidate | undefined): void {
    this.#underWay -= 1
    this.#candidate ??= candidate
    this.#check()
  }

  /** The program says that it is ready. */
  tell(): void {
    this.#told = true
    this.#check()
  }

  #check(): void {
    const candidate = this.#candidate
    if (candidate === undefined || this.#underWay > 0) return
    if (this.#rule === 'message') {
      if (this.#told) this.#ready(candidate)
    } else if (candidate.generation === 1 || candidate.unclaimed === 0) {
      this.#ready(candidate)
    } else {
      this.#grace = this.#timer(this.#rule, () => this.#ready(candidate))
    }
  }

  #ready(candidate: Candidate): void {
    // Rejects only where the process exits by itself, saying why.
    candidate.ready().catch(() => {})
  }
}
