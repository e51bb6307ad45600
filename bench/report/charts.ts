// The charts of docs/benchmarks.md, from results.

import { type BarChart, bars } from './bars.ts'
import { type DotChart, type DotSeries, dots } from './dots.ts'
import { lines } from './lines.ts'
import type { Row, SuiteResults } from './results.ts'
import { type Chart, renderChart } from './svg.ts'

/** Where the trigger is in a course, and how long a step of it is: bench/suites/disturbance.ts. */
const [STEP_MS, BEFORE_MS] = [100, 500]

/** Returns the charts of a suite as SVG, by file name. A suite without a chart has none. */
export function chartsOf(results: SuiteResults): Record<string, string> {
  const charts = drawings[results.suite]?.(results) ?? {}
  return Object.fromEntries(
    Object.entries(charts).map(([name, chart]) => [`${name}.svg`, renderChart(chart)]),
  )
}

const drawings: Readonly<Record<string, (results: SuiteResults) => Record<string, Chart>>> = {
  disturbance: (results) => ({
    'new-connections': dots({
      title: 'New connections around a reload',
      subtitle:
        'p99 of 200 new connections a second; a small dot for each run, a diamond for their median',
      axis: 'milliseconds (logarithmic)',
      isLog: true,
      ...rowsAndSeries(results, {
        'the 2 s before': 'newSteady',
        'the 2 s after the trigger': 'newAfter',
      }),
    }),
    'kept-connections': dots({
      title: 'Kept connections around a reload',
      subtitle: 'p99 of 64 kept connections; a small dot for each run, a diamond for their median',
      axis: 'milliseconds (logarithmic)',
      isLog: true,
      ...rowsAndSeries(results, {
        'the 2 s before': 'keptSteady',
        'the 2 s after the trigger': 'keptAfter',
      }),
    }),
    course: course(results),
    lost: bars(lossChart(results)),
    'new-generation': dots({
      title: 'From the trigger to the first answer of the new generation, under load',
      subtitle:
        'Proxies read a configuration; the others start a program. A dot for each run, a diamond for the median',
      axis: 'milliseconds (logarithmic)',
      isLog: true,
      ...rowsAndSeries(results, { 'first answer': 'generation' }),
    }),
  }),
  'back-to-back': (results) => ({
    'back-to-back': bars({
      ...lossChart(results),
      title: 'Reloads back to back: what clients lose',
      subtitle: `${results.options.reloads} reloads, each begun when the one before had returned`,
    }),
  }),
  crash: (results) => ({
    crash: dots({
      title: 'The serving process is killed',
      subtitle:
        'The longest wait of a request that was answered; what was refused or cut is in the table',
      axis: 'milliseconds (logarithmic)',
      isLog: true,
      ...rowsAndSeries(results, { 'before the crash': 'quiet', 'over the crash': 'longest' }),
    }),
  }),
  steady: (results) => ({
    steady: dots({
      title: 'With the plugin, over without',
      subtitle:
        'Fastify, 32 connections at a time; a dot for each round of new processes, a diamond for the mean',
      axis: 'ratio',
      line: 1,
      ...rowsAndSeries(results, {
        'requests a second': 'perSecondRatio',
        'processor time a request': 'cpuRatio',
      }),
    }),
  }),
  tls: (results) => ({
    tls: dots({
      title: 'TLS connections that have moved, over others of the same process',
      subtitle:
        '32 connections at a time; a dot for each pair of processes, a diamond for the mean',
      axis: 'ratio',
      line: 1,
      ...rowsAndSeries(results, {
        'requests a second': 'perSecondRatio',
        'processor time a request': 'cpuRatio',
      }),
    }),
  }),
  accepting: (results) => ({
    accepting: dots({
      title: 'New connections beside 200 busy kept ones',
      subtitle:
        'p99 of new connections in steady state; a dot for each run, a diamond for the median',
      axis: 'milliseconds (logarithmic)',
      isLog: true,
      ...rowsAndSeries(results, { p99: 'newP99' }),
    }),
  }),
  generation: (results) => ({
    generation: dots({
      title: 'From the trigger to the first answer of the new generation, without load',
      subtitle:
        'Over the bare boot of the same program; a dot for each pair, a diamond for the median',
      axis: 'ratio to the bare boot',
      line: 1,
      ...rowsAndSeries(results, { reload: 'ratio' }),
    }),
  }),
  workers: (results) => ({
    workers: dots({
      title: 'Two workers',
      subtitle: 'Requests a second to those of one process, which has the other core to itself',
      axis: 'ratio to one process',
      line: 1,
      ...rowsAndSeries(results, { 'requests a second': 'ratio' }),
    }),
  }),
  connections: (results) => ({
    connections: lines({
      title: 'The cost of idle connections',
      subtitle: 'A handoff with so many idle keep-alive connections; medians',
      xAxis: 'idle connections (logarithmic)',
      yAxis: 'milliseconds (logarithmic)',
      isXLog: true,
      isYLog: true,
      hasPoints: true,
      series: [
        { name: 'from the commit to the last ack', points: byCount(results, 'moved') },
        { name: 'longest wait of a busy client', points: byCount(results, 'wait') },
      ],
    }),
  }),
}

/** A row for each subject, or for each subject in each case, that has one of the figures. */
function rowsAndSeries(
  { summary, samples }: SuiteResults,
  keys: Readonly<Record<string, string>>,
): Pick<DotChart, 'rows' | 'series'> {
  const used = summary.filter(({ figures }) =>
    Object.values(keys).some((key) => figures[key] !== undefined),
  )
  const series = Object.entries(keys).map(([name, key]): DotSeries => {
    const values: Record<string, number[]> = {}
    const median: Record<string, number> = {}
    for (const row of used) {
      const own = samples.filter(
        (sample) => sample.subject === row.subject && (sample.case ?? '') === row.case,
      )
      values[label(row)] = own.flatMap(({ figures }) => figures[key] ?? [])
      const figure = row.figures[key]
      if (figure !== undefined) median[label(row)] = figure.value
    }
    return { name, values, median }
  })
  return { rows: used.map(label), series }
}

function label({ case: name, subject }: Pick<Row, 'case' | 'subject'>): string {
  return name === '' ? subject : `${subject}, ${name}`
}

function course({ samples, summary }: SuiteResults): Chart {
  const series = summary.flatMap(({ subject }) => {
    const runs = samples.flatMap((sample) =>
      sample.subject === subject ? [sample.series?.new ?? []] : [],
    )
    const [first = []] = runs
    const points = first.map((_, step): [number, number] => {
      const sorted = runs.map((run) => run[step] ?? 0).sort((a, b) => a - b)
      const value = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
      // The middle of the step. A logarithm has no zero.
      return [step * STEP_MS - BEFORE_MS + STEP_MS / 2, Math.max(value, 0.1)]
    })
    return points.length === 0 ? [] : [{ name: subject, points }]
  })
  return lines({
    title: 'The longest wait of a new connection, by the time of its start',
    subtitle: 'Of each 100 ms around the trigger; medians over the reloads and runs',
    xAxis: 'milliseconds from the trigger',
    yAxis: 'milliseconds (logarithmic)',
    isYLog: true,
    range: [-BEFORE_MS, 2_000],
    mark: { at: 0, text: 'trigger' },
    series,
  })
}

function lossChart({ summary, samples, options }: SuiteResults): BarChart {
  const parts = {
    'requests lost': 'lostRequests',
    'messages lost': 'lostMessages',
    'kept connections closed': 'closed',
    'WebSockets closed': 'webSocketsClosed',
  }
  const each = (subject: string, key: string) => {
    const own = samples.filter((sample) => sample.subject === subject)
    const sum = own.reduce((all, { figures }) => all + (figures[key] ?? 0), 0)
    return sum / (own.length * (options.reloads ?? 1))
  }
  return {
    title: 'What clients lose at a reload',
    subtitle:
      'Clients that never retry: 64 kept connections, 200 new ones a second, 16 WebSockets, slow requests, transfers',
    axis: 'lost or closed at each reload',
    rows: summary.map(({ subject }) => subject),
    parts: Object.entries(parts).map(([name, key]) => ({
      name,
      values: Object.fromEntries(summary.map(({ subject }) => [subject, each(subject, key)])),
    })),
  }
}

function byCount({ summary }: SuiteResults, key: string): [number, number][] {
  return summary.flatMap(({ figures }): [number, number][] => {
    const [count, value] = [figures.connections?.value, figures[key]?.value]
    // Beside other clients the figures do not compare.
    if (figures.steadyP50 !== undefined) return []
    return count === undefined || value === undefined ? [] : [[count, Math.max(value, 0.1)]]
  })
}
