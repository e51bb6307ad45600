// `npm run bench`: runs suites, prints a table for each, and writes the results as JSON.

import { fileURLToPath } from 'node:url'
import { optionsOf, readCommandLine, usage, type Wishes } from './command-line.ts'
import { describeMachine, isBusy, machine } from './core/machine.ts'
import { Progress } from './core/progress.ts'
import { Resources } from './core/resources.ts'
import type { Suite } from './core/suite.ts'
import { selectPeers } from './peers/all.ts'
import {
  addSample,
  continueResults,
  newResults,
  type Results,
  writeResults,
} from './report/results.ts'
import { textTable } from './report/table.ts'
import { suites } from './suites/all.ts'

// Node.js 20 reads this file at each start, which would hide what a reload costs beside the boot of a program.
delete process.env.NODE_EXTRA_CA_CERTS

const progress = new Progress()
const resources = new Resources()

try {
  const wishes = readCommandLine(process.argv.slice(2), suites)
  if (wishes.wantsHelp) console.log(usage)
  else if (wishes.lists) list()
  else await run(wishes)
} catch (error) {
  progress.clear()
  console.error(`bench: ${error instanceof Error ? error.message : error}`)
  if (process.env.DEBUG !== undefined) console.error(error)
  process.exitCode = 1
} finally {
  progress.clear()
  await resources.dispose()
}
// A library or a socket that is left must not keep the command.
process.exit()

async function run(wishes: Wishes): Promise<void> {
  endAtSignals()
  const { peers, skipped } = selectPeers(wishes.peers)
  console.log(machine())
  checkLoad(wishes)
  if (wishes.suites.some(({ comparesPeers }) => comparesPeers))
    for (const line of skipped) console.log(line)
  const file = wishes.json ?? defaultFile()
  const results = wishes.continues ? continueResults(file) : newResults()
  for (const suite of wishes.suites) {
    await runSuite(suite, optionsOf(suite, wishes), results, peers, () =>
      writeResults(file, results),
    )
  }
  console.log(`\nresults: ${file}`)
}

async function runSuite(
  suite: Suite,
  options: Readonly<Record<string, number>>,
  results: Results,
  peers: Parameters<Suite['run']>[0]['peers'],
  save: () => void,
): Promise<void> {
  const subjects = peers.filter(
    ({ isReference }) => isReference !== true || suite.takesReferences === true,
  )
  for await (const sample of suite.run({ options, peers: subjects, resources, progress })) {
    addSample(results, suite, options, sample)
    save()
  }
  progress.clear()
  const own = results.suites.find(({ suite: name }) => name === suite.name)
  console.log(`\n${suite.title} (${suite.name})`)
  if (own === undefined) return console.log('nothing was measured')
  console.log(textTable(own))
  for (const note of suite.notes?.(own.samples) ?? []) console.log(note)
  for (const problem of suite.check?.(own.samples) ?? []) {
    console.log(`✗ ${problem}`)
    process.exitCode = 1
  }
}

function list(): void {
  for (const { name, about, options, isExtra } of suites) {
    console.log(`${name}${isExtra ? ' (by name, or with --full)' : ''}: ${about}`)
    for (const [option, { about, quick, full }] of Object.entries(options))
      console.log(
        `  --${option} ${quick === full ? quick : `${quick}, with --full ${full}`}: ${about}`,
      )
  }
}

/** Figures of a full run are for others to read: it does not begin on a busy machine. */
function checkLoad({ isFull, isBusyFine }: Wishes): void {
  const now = describeMachine()
  if (!isBusy(now)) return
  const text = `the machine is busy (load ${now.load} on ${now.cores} cores)`
  if (isFull && !isBusyFine)
    throw new Error(`cannot measure: ${text}. Wait until it is quiet, or add --busy.`)
  progress.line(`bench: ${text}: do not trust the figures`)
}

/** Ends all that was started, and keeps the samples that were taken. */
function endAtSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, async () => {
      progress.line('bench: ending all processes')
      await resources.dispose()
      process.exit(signal === 'SIGINT' ? 130 : 143)
    })
}

function defaultFile(): string {
  const date = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
  return fileURLToPath(new URL(`results/${date}.json`, import.meta.url))
}
