// The shape of every suite: options, columns, and samples that come one after the other.

import type { Peer } from '../peers/peer.ts'
import type { Progress } from './progress.ts'
import type { Resources } from './resources.ts'

/** What one run of one subject gave. */
export interface Sample {
  /** What the suite varies, such as `10,000 connections`; without it the suite has one case. */
  readonly case?: string
  /** What was measured: this project, or a peer. */
  readonly subject: string
  /** From 1. */
  readonly run: number
  /** By the key of a column. A figure that could not be measured is left out. */
  readonly figures: Readonly<Record<string, number>>
  /** Courses over time, for charts, by name. */
  readonly series?: Readonly<Record<string, readonly number[]>>
}

/** How the runs of a figure become one. */
export type Summary = 'median' | 'mean' | 'sum' | 'max'

export interface Column {
  readonly key: string
  readonly label: string
  /** Such as `ms`; empty for a ratio or a count. */
  readonly unit: string
  /** Digits after the point. */
  readonly digits: number
  readonly summary: Summary
}

interface Option {
  readonly about: string
  /** Its values without and with `--full`. */
  readonly quick: number
  readonly full: number
}

/** What a suite gets from the runner. */
export interface Context<Names extends string = string> {
  readonly options: Readonly<Record<Names, number>>
  /** Peers that are installed here, and that the command line did not leave out. */
  readonly peers: readonly Peer[]
  readonly resources: Resources
  readonly progress: Progress
}

export interface Suite<Names extends string = string> {
  readonly name: string
  readonly title: string
  /** What is measured, in one or two sentences. */
  readonly about: string
  readonly options: Readonly<Record<Names, Option>>
  readonly columns: readonly Column[]
  /** Whether it runs only by its name, and with `--full`. */
  readonly isExtra?: boolean
  /** Whether it measures peers that replace nothing, too. */
  readonly takesReferences?: boolean
  /** Whether it compares peers. */
  readonly comparesPeers?: boolean
  /** The samples, each as soon as it was taken. */
  run(context: Context<Names>): AsyncIterable<Sample>
  /** Returns what the table does not say of these samples, a sentence each. */
  notes?(samples: readonly Sample[]): string[]
  /** Returns a sentence for each thing that must not happen and did. */
  check?(samples: readonly Sample[]): string[]
}

/**
 * Returns the samples of one run of one subject; none, and a line that says why, if it fails. The others are
 * measured all the same, and the exit code is 1.
 */
export async function attempt(
  subject: string,
  progress: Progress,
  run: () => Promise<Sample>,
): Promise<Sample[]> {
  try {
    return [await run()]
  } catch (error) {
    progress.line(`✗ ${subject}: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
    return []
  }
}

/** Gives a suite its type, with the names of its options. */
export function defineSuite<Names extends string>(suite: Suite<Names>): Suite {
  return suite as unknown as Suite
}

export function column(
  key: string,
  label: string,
  unit = '',
  digits = 1,
  summary: Summary = 'median',
): Column {
  return { key, label, unit, digits, summary }
}
