// The names of core/ for benchmarks that are no suites yet.

export * from './core/machine.ts'
export { median, percentile } from './core/statistics.ts'
