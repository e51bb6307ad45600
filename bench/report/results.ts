// The results of a run as JSON: which code, which machine, and a sample for each run of each subject.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeMachine, type Machine } from '../core/machine.ts'
import { summarize } from '../core/statistics.ts'
import type { Column, Sample, Suite } from '../core/suite.ts'

/** Raised when a reader of older files would misread new ones. */
export const SCHEMA = 1

export interface Results {
  readonly schema: typeof SCHEMA
  /** Of socket-handoff. */
  readonly version: string
  /** Of the checkout, with `+` if files of it were changed. */
  readonly commit: string
  readonly startedAt: string
  readonly machine: Machine
  suites: SuiteResults[]
}

export interface SuiteResults {
  readonly suite: string
  readonly options: Readonly<Record<string, number>>
  readonly columns: readonly Column[]
  readonly samples: Sample[]
  summary: Row[]
}

/** A subject in a case, over all its runs. */
export interface Row {
  readonly case: string
  readonly subject: string
  readonly runs: number
  /** By the key of a column. */
  readonly figures: Readonly<Record<string, Figure>>
}

export interface Figure {
  /** The median, or what the column says. */
  readonly value: number
  readonly min: number
  readonly max: number
}

const root = fileURLToPath(new URL('../../', import.meta.url))

export function newResults(): Results {
  const { version } = JSON.parse(readFileSync(`${root}packages/handoff/package.json`, 'utf8'))
  const startedAt = new Date().toISOString()
  return {
    schema: SCHEMA,
    version,
    commit: commit(),
    startedAt,
    machine: describeMachine(),
    suites: [],
  }
}

/**
 * Reads a file of results.
 *
 * @throws Error if it is none, or was written by another version of the schema.
 */
export function readResults(file: string): Results {
  const results = JSON.parse(readFileSync(file, 'utf8')) as Partial<Results>
  if (results.schema !== SCHEMA)
    throw new Error(
      `cannot read ${file}: its schema is ${results.schema ?? 'missing'}, and not ${SCHEMA}. Run npm run bench again.`,
    )
  return results as Results
}

/** Adds a sample to the results of its suite, as the next run of its subject. */
export function addSample(
  results: Results,
  suite: Pick<Suite, 'name' | 'columns'>,
  options: Readonly<Record<string, number>>,
  sample: Sample,
): void {
  let own = results.suites.find((known) => known.suite === suite.name)
  if (own === undefined) {
    own = { suite: suite.name, options, columns: suite.columns, samples: [], summary: [] }
    results.suites.push(own)
  }
  const isSame = (other: Sample) => other.subject === sample.subject && other.case === sample.case
  own.samples.push({ ...sample, run: own.samples.filter(isSame).length + 1 })
  own.summary = summaryOf(own.columns, own.samples)
}

/** Returns a row for each subject in each case, in the order in which they came. */
function summaryOf(columns: readonly Column[], samples: readonly Sample[]): Row[] {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const key = JSON.stringify([sample.case ?? '', sample.subject])
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return [...groups].map(([key, runs]) => {
    const [name, subject] = JSON.parse(key) as [string, string]
    const figures: Record<string, Figure> = {}
    for (const { key, summary } of columns) {
      const values = runs.map(({ figures }) => figures[key]).filter(isFigure)
      if (values.length === 0) continue
      figures[key] = {
        value: summarize(values, summary),
        min: Math.min(...values),
        max: Math.max(...values),
      }
    }
    return { case: name, subject, runs: runs.length, figures }
  })
}

/** Writes a file of results as a whole: a run that is ended leaves the last one. */
export function writeResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.part`, `${compact(JSON.stringify(results, rounded, 1))}\n`)
  renameSync(`${file}.part`, file)
}

/** Continues a file that exists with this machine and code, or begins another one. */
export function continueResults(file: string): Results {
  const results = newResults()
  if (!existsSync(file)) return results
  const earlier = readResults(file)
  if (earlier.commit !== results.commit)
    throw new Error(
      `cannot continue ${file}: it has figures of commit ${earlier.commit}, and this is ${results.commit}. Name another file.`,
    )
  return earlier
}

function isFigure(value: number | undefined | null): value is number {
  return typeof value === 'number' && !Number.isNaN(value)
}

/** Puts an array of numbers, and an object of plain values, on one line. */
function compact(json: string): string {
  return json.replaceAll(/([[{])\n\s*([^[\]{}]*?)\n\s*([\]}])/g, (_, open, inner: string, close) =>
    [open, inner.replaceAll(/\s*\n\s*/g, ' '), close].join(''),
  )
}

/** Six digits are more than any figure is worth. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  try {
    // Documents and results do not change what is measured.
    const changed = git(
      'status',
      '--porcelain',
      '--',
      'packages',
      'native',
      'bench',
      'test/support',
    )
    return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
