// `npm test`: sets up, then runs every test. Arguments go to vitest.

import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)

/** The tests of this room measure what clients see under load: each file runs alone. */
const measured = 'test/e2e/clients'

const vitest = (...flags) => ['node_modules/vitest/vitest.mjs', 'run', ...flags]

/** The steps of a lane run one after the other. Lanes of a phase run side by side; the first one shows its output live. */
const wholeRun = [
  {
    'unit and stage tests': [vitest('--project', 'unit', '--project', 'stage')],
    'types, lint, unused code and native tests': [
      ['node_modules/typescript/bin/tsc', '-b'],
      ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
      ['node_modules/knip/bin/knip.js'],
      ['scripts/test-native.mjs'],
    ],
  },
  {
    'end-to-end tests': [
      vitest('--project', 'e2e', '--fileParallelism', '--exclude', `${measured}/**`),
    ],
  },
  { 'end-to-end tests that measure clients': [vitest('--project', 'e2e', measured)] },
]

setupOrExit()
const phases = args.length > 0 ? [{ tests: [vitest(...args)] }] : wholeRun
const reports = reportsOf(phases)
const results = []
for (const phase of phases) {
  const lanes = Object.entries(phase)
  results.push(
    ...(await Promise.all(lanes.map(([name, steps], i) => runLane(name, steps, i === 0)))),
  )
}
if (results.length > 1) for (const { text } of results) console.log(text)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1

/** Runs every step, also after one that failed. */
async function runLane(name, steps, isLive) {
  const startedAt = performance.now()
  const failed = []
  for (const [script, ...rest] of steps) {
    if ((await runStep(name, [script, ...rest], isLive)) !== 0) failed.push(script)
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  const outcome = failed.length === 0 ? 'passed' : `FAILED (${failed.join(', ')})`
  return { ok: failed.length === 0, text: `${name}: ${outcome} in ${seconds} s` }
}

/** Resolves with the exit code. Output that is not live is printed at the end of the step. */
function runStep(name, command, isLive) {
  const report = reports?.get(name)
  const child = spawn(process.execPath, command, {
    cwd: root,
    stdio: isLive ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(report && { HANDOFF_TEST_REPORT: report }) },
  })
  const output = []
  child.stdout?.on('data', (piece) => output.push(piece))
  child.stderr?.on('data', (piece) => output.push(piece))
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(output))
      resolve(code ?? 1)
    })
  })
}

/**
 * HANDOFF_TEST_REPORTS names a folder for vitest's JSON reports, one for each of its runs. Each file is
 * there and empty at first: a run that does not end is missed.
 */
function reportsOf(phases) {
  const folder = process.env.HANDOFF_TEST_REPORTS
  if (folder === undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const lanes = phases.flatMap((phase) => Object.entries(phase))
  const runs = lanes.filter(([, steps]) => steps.some(([script]) => script.includes('vitest')))
  const files = new Map(runs.map(([name]) => [name, join(folder, `${name}.json`)]))
  for (const file of files.values()) writeFileSync(file, '')
  return files
}
