// Looks at every world that can be reached, the nearest first, so that the first fault found has the
// shortest trace.

import { faultOf, faultOfEnd } from './invariants.ts'
import { Actor, type Release } from './processes.ts'
import { type Step, settle, stepsOf } from './steps.ts'
import { type Bounds, copyFor, initialWorld, keyOf, type World } from './world.ts'

export interface Search extends Bounds {
  /** Goes past every other fault. */
  readonly only?: string
}

export interface Fault {
  readonly what: string
  /** What happened until then, a line each. */
  readonly trace: readonly string[]
}

export interface Exploration {
  readonly worlds: number
  readonly steps: number
  /** Worlds in which nothing can happen any more. */
  readonly ends: number
  /** Steps of the longest of the shortest ways to a world. */
  readonly depth: number
  readonly fault: Fault | undefined
}

/** How a world was first reached. */
interface Reached {
  readonly from: number
  readonly line: string
  readonly depth: number
}

/**
 * Explores all that can happen within the bounds, until a fault is found.
 *
 * @throws RangeError when there is more than `limit` to look at: then the bounds are too wide.
 */
export function explore(release: Release, search: Search, limit = 3_000_000): Exploration {
  const first = initialWorld(search)
  const known = new Map([[keyOf(first), 0]])
  const reached: Reached[] = [{ from: -1, line: '', depth: 0 }]
  const successors: number[][] = []
  let frontier: [number, World][] = [[0, first]]
  let steps = 0
  let ends = 0
  const counts = (what: string | undefined) =>
    what !== undefined && (search.only ?? what) === what ? what : undefined
  const found = (what: string, from: number, line: string): Exploration => {
    const trace = [...traceTo(reached, from), line].filter((text) => text !== '')
    const depth = reached.at(-1)?.depth ?? 0
    return { worlds: known.size, steps, ends, depth, fault: { what, trace } }
  }
  while (frontier.length > 0) {
    const next: [number, World][] = []
    for (const [index, world] of frontier) {
      const possible = stepsOf(world, release)
      const to: number[] = []
      successors[index] = to
      let goesOn = false
      for (const step of possible) {
        const after = run(world, step, release)
        const fault = counts(faultOf(world, step, after))
        if (fault !== undefined) return found(fault, index, lineOf(step, world, after))
        const key = keyOf(after)
        let number = known.get(key)
        // A deadline that ends nothing.
        if (number === index) continue
        steps += 1
        if (step.kind === 'step') goesOn = true
        if (number === undefined) {
          number = known.size
          if (number >= limit) throw new RangeError(`more than ${limit} worlds`)
          known.set(key, number)
          const line = lineOf(step, world, after)
          reached.push({ from: index, line, depth: (reached[index]?.depth ?? 0) + 1 })
          next.push([number, after])
        }
        to.push(number)
      }
      if (!goesOn) {
        ends += 1
        const fault = counts(faultOfEnd(world))
        if (fault !== undefined) return found(fault, index, '')
      }
    }
    frontier = next
  }
  const endless = findCycle(successors)
  if (endless !== undefined) return found('a run has no end', endless, '')
  const depth = reached.at(-1)?.depth ?? 0
  return { worlds: known.size, steps, ends, depth, fault: undefined }
}

function run(world: World, step: Step, release: Release): World {
  const after = copyFor(world, step.by)
  step.run(new Actor(after, step.by, release))
  settle(after)
  return after
}

/** `process 2 reads release: drain → released`. */
function lineOf({ by, what }: Step, before: World, after: World): string {
  const [was, is] = [before.processes[by], after.processes[by]]
  const moves: string[] = []
  if (was !== undefined && is !== undefined && is.life === 'alive') {
    if (was.newState !== is.newState) moves.push(`${was.newState} → ${is.newState}`)
    if (was.oldState !== is.oldState) moves.push(`${was.oldState} → ${is.oldState}`)
  }
  return `process ${by + 1} ${what}${moves.length > 0 ? `: ${moves.join(', ')}` : ''}`
}

function traceTo(reached: readonly Reached[], index: number): string[] {
  const lines: string[] = []
  for (let at = reached[index]; at !== undefined && at.from >= 0; at = reached[at.from]) {
    lines.unshift(at.line)
  }
  return lines
}

/** Takes away, again and again, worlds that nothing leads to: what is left lies on or behind a circle. */
function findCycle(successors: readonly (readonly number[])[]): number | undefined {
  const degree = new Int32Array(successors.length)
  for (const to of successors) for (const next of to) degree[next] = (degree[next] ?? 0) + 1
  const free: number[] = []
  degree.forEach((count, index) => {
    if (count === 0) free.push(index)
  })
  let removed = 0
  for (let index = free.pop(); index !== undefined; index = free.pop()) {
    removed += 1
    for (const next of successors[index] ?? []) {
      degree[next] = (degree[next] ?? 0) - 1
      if (degree[next] === 0) free.push(next)
    }
  }
  return removed === successors.length ? undefined : degree.findIndex((count) => count > 0)
}
