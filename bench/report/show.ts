// The table of aims: what was measured beside each of them.

import type { Row, SuiteResults } from './results.ts'
import { markdown } from './table.ts'

interface Aim {
  readonly text: string
  readonly aim: string
  readonly suite: string
  /** The name of this project in the suite, if it is another than `handoff`. */
  readonly ours?: string
  /** Returns the cell of a row of the suite. */
  readonly cell: (value: (key: string) => number | undefined) => string | undefined
}

const aims: readonly Aim[] = [
  {
    text: 'p99 of new connections in the 2 s after the trigger, over steady',
    aim: '≤ 1.25',
    suite: 'disturbance',
    cell: (value) => times(value('newRatio')),
  },
  {
    text: 'p99 of kept connections, likewise',
    aim: '≤ 1.25',
    suite: 'disturbance',
    cell: (value) => times(value('keptRatio')),
  },
  {
    text: 'worst wait, ms',
    aim: '≤ 50, ≤ 2 × nginx',
    suite: 'disturbance',
    cell: (value) => count(value('worst')),
  },
  {
    text: 'trigger to the new generation under load, ms',
    aim: '',
    suite: 'disturbance',
    cell: (value) => count(value('generation')),
  },
  {
    text: 'requests and messages lost; kept connections, WebSockets closed',
    aim: '0; 0, 0',
    suite: 'disturbance',
    cell: (value) => losses(value),
  },
  {
    text: 'back to back: new connections unanswered; lost; closed',
    aim: '0; 0; 0',
    suite: 'back-to-back',
    cell(value) {
      const closed = (value('closed') ?? 0) + (value('webSocketsClosed') ?? 0)
      return `${count(value('unanswered'))}; ${count(value('lost'))}; ${closed}`
    },
  },
  {
    text: 'trigger to the new generation, over the bare boot of the same program',
    aim: '≤ 1.2',
    suite: 'generation',
    cell: (value) => times(value('ratio')),
  },
  {
    text: 'requests/s with the plugin, over without, kept connections',
    aim: '≥ 0.99',
    suite: 'steady',
    ours: 'with the plugin',
    cell: (value) => value('perSecondRatio')?.toFixed(3),
  },
  {
    text: 'processor time a request, likewise',
    aim: '≤ 1.01',
    suite: 'steady',
    ours: 'with the plugin',
    cell: (value) => value('cpuRatio')?.toFixed(3),
  },
  {
    text: 'TLS: requests/s with the counting of records, over without, kept connections',
    aim: '≥ 0.99',
    suite: 'steady',
    ours: 'counting of records',
    cell: (value) => value('perSecondRatio')?.toFixed(3),
  },
  {
    text: 'p99 of new connections beside 200 busy kept ones, over plain Node.js',
    aim: '≤ 0.5',
    suite: 'accepting',
    cell: (value) => times(value('newP99Ratio')),
  },
]

/** Returns the table, with a column for each subject; a cell is empty where nothing was measured. */
export function showTable(suites: readonly SuiteResults[], subjects: readonly string[]): string {
  const rows = aims.map((aim) => [
    aim.text,
    ...subjects.map((subject) => {
      const row = rowOf(aim, subject, suites)
      return row === undefined ? '' : (aim.cell((key) => row.figures[key]?.value) ?? '')
    }),
    aim.aim,
  ])
  return markdown([['', ...subjects, 'aim'], ...rows], 1)
}

function rowOf(aim: Aim, column: string, suites: readonly SuiteResults[]): Row | undefined {
  const subject = column === 'handoff' ? (aim.ours ?? column) : column
  return suites
    .find(({ suite }) => suite === aim.suite)
    ?.summary.find((row) => row.subject === subject)
}

function times(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(2)} ×`
}

function count(value: number | undefined): string | undefined {
  return value?.toLocaleString('en', { maximumFractionDigits: 0 })
}

function losses(value: (key: string) => number | undefined): string {
  return `${count(value('lost'))}; ${count(value('closed'))}, ${count(value('webSocketsClosed'))}`
}
