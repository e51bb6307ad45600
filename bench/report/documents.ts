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
      for (const [name, svg] of Object.entries(chartsOf(suite)))
        files[join(docs, 'benchmarks', name)] = svg
      page = fillPage(page, suite.suite, `${markdownTable(suite)}\n\n${origin(results)}`)
    }
  const measured = all.flatMap(({ suites }) => suites)
  const subjects = new Set(measured.flatMap(({ summary }) => summary.map(({ subject }) => subject)))
  const columns = shown.filter((name) => subjects.has(name))
  return { ...files, [path]: fillPage(page, 'aims', showTable(measured, columns)) }
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

function origin({ commit, startedAt, machine: where, suites: [suite] }: Results): string {
  const options = Object.entries(suite?.options ?? {})
    .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
    .join(', ')
  return `${startedAt.slice(0, 10)}, commit ${commit}; ${machine(where)}; ${options}.`
}
