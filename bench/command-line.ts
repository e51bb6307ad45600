// Reads the command line of `npm run bench`.

import { parseArgs } from 'node:util'
import type { Suite } from './core/suite.ts'

export interface Wishes {
  readonly suites: readonly Suite[]
  readonly isFull: boolean
  readonly peers: readonly string[] | undefined
  /** Values of options of the suites, by name. */
  readonly values: Readonly<Record<string, number>>
  /** Where the results go. */
  readonly json: string | undefined
  /** Whether to append the results to those in the file. */
  readonly continues: boolean
  /** Whether a busy machine is no reason to stop. */
  readonly isBusyFine: boolean
  readonly lists: boolean
  readonly wantsHelp: boolean
}

/** What `--help` prints. */
export const usage = `usage: npm run bench -- [SUITE...] [OPTION...]

Runs the everyday suites, or the named ones, prints a table for each, and writes the figures as JSON.

  --full          more runs, and all suites: an hour
  --peers A,B     measures only these peers beside handoff; without it all that are installed
  --json FILE     where the results go
  --continue      adds to the results in --json FILE
  --busy          measures on a busy machine as well
  --OPTION N      an option of a suite, such as --runs 5
  --list          prints the suites with their options, and ends
  -h, --help      prints this text, and ends

bench/README.md describes the suites, the peers and the load.`

/**
 * Returns what the command line asks for.
 *
 * @throws Error if it names a suite or an option that does not exist.
 */
export function readCommandLine(args: readonly string[], known: readonly Suite[]): Wishes {
  const names = [...new Set(known.flatMap(({ options }) => Object.keys(options)))]
  const numbers = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      list: { type: 'boolean' },
      continue: { type: 'boolean' },
      busy: { type: 'boolean' },
      peers: { type: 'string' },
      json: { type: 'string' },
      ...numbers,
    },
  })
  const given = values as Record<string, string | boolean | undefined>
  return {
    suites: chosen(positionals, given.full === true, known),
    isFull: given.full === true,
    peers: typeof given.peers === 'string' ? given.peers.split(',') : undefined,
    values: Object.fromEntries(
      names.flatMap((name) =>
        given[name] === undefined ? [] : [[name, count(name, `${given[name]}`)]],
      ),
    ),
    json: typeof given.json === 'string' ? given.json : undefined,
    continues: given.continue === true,
    isBusyFine: given.busy === true,
    lists: given.list === true,
    wantsHelp: given.help === true,
  }
}

/** Returns the options of a suite: those of the command line, and the defaults of the mode. */
export function optionsOf(suite: Suite, { values, isFull }: Wishes): Record<string, number> {
  return Object.fromEntries(
    Object.entries(suite.options).map(([name, { quick, full }]) => [
      name,
      values[name] ?? (isFull ? full : quick),
    ]),
  )
}

function chosen(names: readonly string[], isFull: boolean, known: readonly Suite[]): Suite[] {
  if (names.length > 0) return names.map((name) => suiteOf(name, known))
  return known.filter(({ isExtra }) => isFull || isExtra !== true)
}

function suiteOf(name: string, known: readonly Suite[]): Suite {
  const suite = known.find((one) => one.name === name)
  if (suite !== undefined) return suite
  const list = known.map((one) => one.name).join(', ')
  throw new Error(`cannot run ${name}: it is no suite. Name some of ${list}.`)
}

function count(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new Error(`cannot set --${name} to ${text}: it is no count. Give digits.`)
}
