// Charts of the benchmarks: the same for the same results, and readable on dark pages.

import { expect, test } from 'vitest'
import { chartsOf } from '../../../bench/report/charts.ts'
import { fillPage } from '../../../bench/report/page.ts'
import { addSample, newResults, type SuiteResults } from '../../../bench/report/results.ts'
import { showTable } from '../../../bench/report/show.ts'
import { suites } from '../../../bench/suites/all.ts'

/** Results of a suite, with a value for each of its columns. */
function made(name: string, subjects: readonly string[]): SuiteResults {
  const suite = suites.find((one) => one.name === name)
  if (suite === undefined) throw new Error(`there is no suite ${name}`)
  const results = newResults()
  for (const run of [1, 2])
    for (const [index, subject] of subjects.entries()) {
      const keys = [...suite.columns.map(({ key }) => key), 'lostRequests', 'lostMessages']
      const figures = Object.fromEntries(keys.map((key, at) => [key, run + index * 10 + at]))
      const course = Array.from({ length: 25 }, (_, step) => step * run)
      addSample(results, suite, { reloads: 2 }, { subject, run, figures, series: { new: course } })
    }
  const [own] = results.suites
  if (own === undefined) throw new Error('no sample was added')
  return own
}

const subjects = ['handoff', 'nginx', 'a <peer> & more']

test.each(suites.map(({ name }) => name))('charts of %s are the same each time', (name) => {
  const first = chartsOf(made(name, subjects))
  const again = chartsOf(made(name, subjects))
  expect(again).toEqual(first)
  for (const [file, svg] of Object.entries(first)) {
    expect(file).toMatch(/^[a-z-]+\.svg$/)
    expect(svg).toMatch(
      /^<svg [^>]*role="img"><title>[^<]+<\/title><style>@media \(prefers-color-scheme: dark\)/,
    )
    expect(svg).not.toContain('NaN')
    expect(svg).not.toContain('zr0')
    expect(svg).not.toContain('<peer>')
    expect(svg.length).toBeLessThan(40_000)
  }
})

test('a disturbance has five charts, and names its rows', () => {
  const charts = chartsOf(made('disturbance', subjects))
  expect(Object.keys(charts)).toEqual([
    'new-connections.svg',
    'kept-connections.svg',
    'course.svg',
    'lost.svg',
    'new-generation.svg',
  ])
  expect(charts['new-connections.svg']).toContain('>nginx</text>')
})

test('a table stands between its markers, and leaves the rest of the page', () => {
  const page =
    'before\n<!-- table one -->\nold\n<!-- end -->\n<!-- table two -->\n<!-- end -->\nafter\n'
  const filled = fillPage(page, 'one', '| $& |')
  expect(filled).toBe(
    'before\n<!-- table one -->\n\n| $& |\n\n<!-- end -->\n<!-- table two -->\n<!-- end -->\nafter\n',
  )
  expect(fillPage(filled, 'one', '| $& |')).toBe(filled)
  expect(() => fillPage(page, 'three', '')).toThrow('cannot write table three')
})

test('the table of aims has a column for each subject, and gaps where nothing was measured', () => {
  const table = showTable([made('disturbance', ['handoff', 'nginx'])], ['handoff', 'nginx', 'pm2'])
  const [head, , first] = table
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  expect(head?.slice(2, -1)).toEqual(['handoff', 'nginx', 'pm2', 'aim'])
  expect(first?.slice(2, -1)).toEqual(['3.00 ×', '13.00 ×', '', '≤ 1.25'])
})
