// Decides when a program without code for handoffs is ready to replace the old process.

import type { System, Timer } from '../../io/system/system.ts'
import { HandoffError } from '../../terms/errors.ts'
import { longestMs } from '../../terms/options.ts'
import { numberOf } from '../../terms/variables.ts'

/**
 * `listeners`: ready when the program listens on every address of the old process. A number: the same,
 * or so many milliseconds after its last listen. `message`: ready when the program reports it.
 */
export type ReadyRule = 'listeners' | 'message' | number

/**
 * The listeners count if they do not change for this many turns of the event loop. A program that probes a
 * port (get-port, detect-port, portfinder) closes its listener within one or two turns. Turns are counted,
 * not time, so that a long computation does not shorten the wait.
 */
const quietTurns = 5
/** For servers that are no probes: a program that fails right after its listen has failed by then. */
const sureTurns = 2
/** The time between two turns, in milliseconds: for servers that may be probes, and for those that are none. */
const probeTurnMs = 10
const sureTurnMs = 1

/** How long a listener may be missing before a warning, in milliseconds. */
const warnAfterMs = 1_000

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

/** The process whose readiness is decided. */
export interface Candidate {
  /** Whether a server of the program listens through the handoff. */
  readonly listens: boolean
  /** Addresses of the old process on which this process has to listen and does not. */
  readonly missing: readonly string[]
  /** Warms its servers up, if it has to. */
  warmUp(): Promise<void> | undefined
  /** Whether a server may only probe its port. */
  readonly mayProbe: boolean
  ready(): Promise<void>
  /** Called once for each set of listeners that is missing for a second. */
  onMissing(places: readonly string[]): void
}

export class WhenReady {
  readonly #rule: ReadyRule
  readonly #timer: System['timer']
  #candidate: Candidate | undefined
  #underWay = 0
  #reportedReady = false
  /** Whether the program may serve without a listener. */
  #mayHaveNone = false
  #ended = false
  #isWarm = false
  #pending: Timer | undefined
  #reported = ''

  constructor(rule: ReadyRule, timer: System['timer']) {
    this.#rule = rule
    this.#timer = timer
  }

  /** Call this when a listen begins. */
  begin(): void {
    this.#underWay += 1
    this.#pending?.cancel()
  }

  /** Call this when a listen has ended. @param candidate - the process, if there is a handoff. */
  end(candidate: Candidate | undefined): void {
    this.#underWay -= 1
    this.#candidate ??= candidate
    this.changed()
  }

  /** Call this when the program reports that it is ready. */
  programReady(): void {
    this.#reportedReady = true
    this.changed()
  }

  /** Lets a program serve that has no listener yet. */
  allowNoListener(candidate: Candidate): void {
    this.#candidate ??= candidate
    this.#mayHaveNone = true
    this.changed()
  }

  /** Call this whenever a listener was closed. */
  changed(): void {
    this.#pending?.cancel()
    const candidate = this.#candidate
    if (candidate === undefined || this.#ended || this.#underWay > 0) return
    const { missing } = candidate
    const mayServe = this.#mayServe(candidate)
    if (this.#rule === 'message') {
      if (this.#reportedReady && mayServe) this.#ready(candidate)
    } else if (missing.length === 0) {
      if (mayServe) this.#waitForQuiet(candidate, candidate.mayProbe ? quietTurns : sureTurns)
    } else if (this.#rule === 'listeners') {
      this.#pending = this.#timer(warnAfterMs, () => this.#checkMissing(candidate, missing), true)
    } else if (mayServe) {
      this.#pending = this.#timer(this.#rule, () => this.#ready(candidate))
    }
  }

  #waitForQuiet(candidate: Candidate, turns: number): void {
    const turnMs = candidate.mayProbe ? probeTurnMs : sureTurnMs
    this.#pending = this.#timer(turnMs, () => {
      if (turns > 1) this.#waitForQuiet(candidate, turns - 1)
      else this.#ready(candidate)
    })
  }

  /** Runs each second: no event reports that a child of this process begins to listen. */
  #checkMissing(candidate: Candidate, missing: readonly string[]): void {
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
    const warming = this.#isWarm ? undefined : candidate.warmUp()
    this.#isWarm = true
    if (warming === undefined) return this.#end(candidate)
    const before = candidate.missing.join()
    this.begin()
    void warming.then(() => {
      this.#underWay -= 1
      // Meanwhile the program may have closed a listener, or begun to listen.
      const isUnchanged = this.#underWay === 0 && candidate.missing.join() === before
      if (isUnchanged && this.#mayServe(candidate)) this.#end(candidate)
      else this.changed()
    })
  }

  #mayServe({ listens }: Candidate): boolean {
    return listens || this.#mayHaveNone
  }

  #end(candidate: Candidate): void {
    this.#ended = true
    // If `ready` rejects, the process logs the error and exits by itself.
    candidate.ready().catch(() => {})
  }
}
