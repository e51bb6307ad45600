// What clients that reset their connection may miss: whatever the server had not said or read by then.

import type { Lines } from './scripted-client.ts'

/** What clients got, each for itself, and which of their requests were executed. */
export interface Outcome {
  heard: string[]
  /** Sorted. */
  executed: string[]
}

/** Splits what a client heard into streams that have an order of their own each. */
export type Streams = (heard: string) => Readonly<Record<string, string>>

/** The same clients, but each hears all that it can. */
export function withoutResets<L extends Lines>(lines: readonly L[]): L[] {
  return lines.map((each) => ({ ...each, resets: false }))
}

/**
 * Returns what clients must have got.
 *
 * @param whole - what they get if none resets.
 * @param outcome - what they got. One that has reset its connection got the beginning of each stream, and of its requests
 * some were executed.
 */
export function expectedOf(
  lines: readonly Lines[],
  whole: Outcome,
  outcome: Outcome,
  streamsOf: Streams,
): { heard: ReturnType<Streams>[]; executed: string[] } {
  const heard = lines.map(({ resets }, index) => {
    const all = streamsOf(whole.heard[index] as string)
    const got = streamsOf(outcome.heard[index] as string)
    const isBeginning = ([name, text]: [string, string]) => (all[name] ?? '').startsWith(text)
    return resets && Object.entries(got).every(isBeginning) ? got : all
  })
  const answered = (index: number) => (outcome.heard[index] as string).split('[end ').length - 1
  const mayMiss = lines.reduce(
    (sum, { resets, questions }, index) => sum + (resets ? questions.length - answered(index) : 0),
    0,
  )
  const missed = without(whole.executed, outcome.executed)
  const isMore = without(outcome.executed, whole.executed).length > 0
  return { heard, executed: isMore || missed.length > mayMiss ? whole.executed : outcome.executed }
}

/** The elements of a list but for those of another one, each as often as it is there. */
function without(list: readonly string[], others: readonly string[]): string[] {
  const left = [...others]
  return list.filter((each) => {
    const index = left.indexOf(each)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}
