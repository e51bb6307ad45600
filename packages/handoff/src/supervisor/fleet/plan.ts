// Plans a reload: which workers are replaced, which ones start, which ones leave.

import type { Program } from '../program/program.ts'
import type { Worker } from '../worker/worker.ts'
import type { Roster } from './roster.ts'

export interface Plan {
  readonly program: Program
  /** Is reloaded before all others. If its new process fails, the others are not tried. */
  readonly first: Worker
  /** The other workers that serve, in the order of their numbers. */
  readonly others: readonly Worker[]
  /** The numbers of new workers. */
  readonly entering: readonly number[]
  /** Surplus workers. Each of them hands over to a worker that stays. */
  readonly leaving: readonly Worker[]
  /** Listeners of the old processes that the new ones may leave out. */
  readonly drop: readonly string[]
  /** Whether the others start in parallel, instead of one after the other. */
  readonly parallel: boolean
  /** Returns a new worker when its place is free. */
  enter(number: number): Promise<Worker>
}

/** @param count - how many workers the run has after the reload. */
export function planReload(
  roster: Roster,
  count: number,
  what: Pick<Plan, 'program' | 'parallel' | 'drop'>,
): Plan {
  const { first, placed } = roster
  const others = placed.filter(
    ({ number, hasServed }) => number > 1 && number <= count && hasServed,
  )
  const staying = new Set([first, ...others].map(({ number }) => number))
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  return {
    ...{ ...what, first, others },
    entering: numbers.filter((number) => !staying.has(number)),
    leaving: placed.filter(({ number }) => number > count),
    enter: (number) => roster.freePlace(number),
  }
}
