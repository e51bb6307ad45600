#!/usr/bin/env node
// The command `handoff`.

// First: it may start the command again.
import './clean-start.ts'
import { CommanderError } from 'commander'
import { release } from '../supervisor/release.ts'
import { printError, printFailure, printJsonFailure } from './fail.ts'
import { markNodeFlags } from './node-flags.ts'
import { makeProgram } from './program.ts'

// A reader that went away ends `handoff status --watch | head -1`, but not a supervisor whose log
// it was: that one writes to stderr alone.
process.stdout.on(
  'error',
  endOfReader(() => process.exit()),
)
process.stderr.on(
  'error',
  endOfReader(() => {}),
)

const program = makeProgram(release, (code) => {
  process.exitCode = code
})
for (const command of [program, ...program.commands]) {
  command.exitOverride().configureOutput({
    outputError: (text) => printError(text.replace(/^error: /, '').trimEnd()),
  })
}

const [node = '', script = '', ...args] = process.argv
// After `run` it may be the program's.
const wantsJson = args[0] !== 'run' && args.includes('--json')

try {
  const run = program.commands.find((command) => command.name() === 'run')
  await program.parseAsync([node, script, ...(run ? markNodeFlags(args, run) : args)])
} catch (error) {
  const isAnswer = error instanceof CommanderError && error.exitCode === 0
  if (wantsJson && !isAnswer) printJsonFailure(error)
  if (error instanceof CommanderError) {
    // Help and version that were asked for have exit code 0; all else was not understood.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    printFailure(error)
    process.exitCode = 1
  }
}

/** EIO: the terminal has gone. */
function endOfReader(then: () => void): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    then()
  }
}
