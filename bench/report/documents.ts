// The files of docs/benchmarks: charts, and the page with its tables, from the results that are kept there.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machine } from '../core/machine.ts'
import { suites as known } from '../suites/all.ts'
import { chartsOf } from './charts.ts'
import { fillPage } from './page.ts'
import { type Results, readResults, writeResults } from './results.ts'
import { showTable } from './show.ts'
import { markdownTable } from './table.ts'

const docs = fileURLToPath(new URL('../../docs/', import.meta.url))
const data = join(docs, 'benchmarks/data')

/** The columns of the table of aims. */
const shown = ['handoff', 'handoff-unchanged', 'nginx', 'haproxy', 'tableflip', 'pm2', 'cluster']

/** Keeps the results of each suite in a file of its own: they are from other runs. */
export function keep(results: Results): void {
  for (const suite of results.suites)
    writeResults(join(data, `${suite.suite}.json`), { ...results, suites: [suite] })
}

/** Returns the text of each file that is made from the results, by its path. */
export function documents(): Record<string, string> {
  const all = kept()
  const files: Record<string, string> = {}
  const path = join(docs, 'benchmarks.md')
  let page = readFileSync(path, 'utf8')
  for (const results of all)
    for (const suite of results.suites) {
      const charts = Object.entries(chartsOf(suite))
      for (const [name, svg] of charts) files[join(docs, 'benchmarks', name)] = svg
      const images = charts.map(([name, svg]) => `![${titleOf(svg)}](benchmarks/${name})`)
      const parts = [...images, markdownTable(suite), origin(results)]
      page = fillPage(page, suite.suite, parts.join('\n\n'))
    }
  const measured = all.flatMap(({ suites }) => suites)
  const subjects = new Set(measured.flatMap(({ summary }) => summary.map(({ subject }) => subject)))
  const columns = shown.filter((name) => subjects.has(name))
  return { ...files, [path]: fillPage(page, 'aims', showTable(measured, columns)) }
}

/** The text that stands for the image. */
function titleOf(svg: string): string {
  return /<title>(.*?)<\/title>/.exec(svg)?.[1] ?? ''
}

/** In the order of the suites. */
function kept(): Results[] {
  if (!existsSync(data)) return []
  const files = new Set(readdirSync(data))
  return known
    .map(({ name }) => `${name}.json`)
    .filter((name) => files.has(name))
    .map((name) => readResults(join(data, name)))
}

/** Options that say how often something is measured: the runs that were made count. */
const counts = ['runs', 'rounds', 'pairs', 'crashes', 'handoffs', 'saves']

function origin({ commit, startedAt, machine: where, suites: [suite] }: Results): string {
  const runs = suite?.summary.map((row) => row.runs) ?? []
  const [least, most] = [Math.min(...runs), Math.max(...runs)]
  const options = Object.entries(suite?.options ?? {})
    .filter(([name]) => !counts.includes(name))
    .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
  const times = `${least === most ? most : `${least} to ${most}`} runs`
  const day = startedAt.slice(0, 10)
  return `${day}, commit ${commit}; ${machine(where)}; ${[times, ...options].join(', ')}.`
}
