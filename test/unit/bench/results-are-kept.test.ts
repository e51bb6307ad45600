// Results of the benchmarks as JSON and as tables.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { column, type Sample } from '../../../bench/core/suite.ts'
import {
  addSample,
  continueResults,
  newResults,
  readResults,
  SCHEMA,
  writeResults,
} from '../../../bench/report/results.ts'
import { markdownTable, textTable } from '../../../bench/report/table.ts'
import { scratchDirectory } from '../../support/scratch.ts'

const suite = {
  name: 'walk',
  columns: [
    column('steps', 'steps', 'ms'),
    column('lost', 'lost', '', 0, 'sum'),
    column('never', 'never', '', 0),
  ],
}
const samples: Sample[] = [
  { subject: 'us', run: 1, figures: { steps: 10, lost: 0, never: Number.NaN } },
  { subject: 'them', run: 1, figures: { steps: 1_234.56, lost: 3 } },
  { subject: 'us', run: 2, figures: { steps: 30, lost: 0 } },
  { subject: 'us', run: 3, figures: { steps: 20, lost: 1 } },
]

function measured() {
  const results = newResults()
  for (const sample of samples) addSample(results, suite, { runs: 3 }, sample)
  return results
}

test('a row has the median of its runs and their range, or their sum', () => {
  const [own] = measured().suites
  expect(own?.summary).toEqual([
    {
      case: '',
      subject: 'us',
      runs: 3,
      figures: { steps: { value: 20, min: 10, max: 30 }, lost: { value: 1, min: 0, max: 1 } },
    },
    {
      case: '',
      subject: 'them',
      runs: 1,
      figures: {
        steps: { value: 1_234.56, min: 1_234.56, max: 1_234.56 },
        lost: { value: 3, min: 3, max: 3 },
      },
    },
  ])
})

test('a file names the code, the machine and the schema, and reads back the same', () => {
  const file = join(scratchDirectory(), 'folder', 'results.json')
  const results = measured()
  writeResults(file, results)
  const { schema, version, commit, machine, startedAt, suites } = readResults(file)
  expect(schema).toBe(SCHEMA)
  expect(version).toMatch(/^\d+\.\d+\.\d+/)
  expect(commit).toMatch(/^([0-9a-f]{12}\+?|unknown)$/)
  expect(machine).toMatchObject({ node: process.version, cores: expect.any(Number) })
  expect(new Date(startedAt).getTime()).not.toBeNaN()
  // What could not be measured is no figure.
  expect(suites[0]?.summary).toEqual(results.suites[0]?.summary)
  expect(readFileSync(file, 'utf8')).toContain('"steps": 1234.56')
})

test('a run can be continued, but not with other code, and not by another schema', () => {
  const file = join(scratchDirectory(), 'results.json')
  expect(continueResults(file).suites).toEqual([])
  writeResults(file, measured())
  const continued = continueResults(file)
  addSample(
    continued,
    suite,
    { runs: 3 },
    { subject: 'them', run: 1, figures: { steps: 1, lost: 1 } },
  )
  const runs = continued.suites[0]?.samples.map(({ subject, run }) => [subject, run])
  expect(runs?.slice(-2)).toEqual([
    ['us', 3],
    ['them', 2],
  ])
  writeResults(file, { ...measured(), commit: 'another' })
  expect(() => continueResults(file)).toThrow('it has figures of commit another')
  writeFileSync(file, JSON.stringify({ ...measured(), schema: 0 }))
  expect(() => readResults(file)).toThrow('its schema is 0')
})

test('tables show units, ranges and what was not measured', () => {
  const [own] = measured().suites
  if (own === undefined) throw new Error('nothing was added')
  expect(textTable(own)).toBe(
    [
      'subject        steps (ms)  lost',
      'us       20.0 [10.0–30.0]     1',
      'them              1,234.6     3',
    ].join('\n'),
  )
  expect(markdownTable(own, ['steps'])).toBe(
    [
      '| subject | steps (ms) |',
      '| ------- | ---------: |',
      '| us      |       20.0 |',
      '| them    |    1,234.6 |',
    ].join('\n'),
  )
})
