#!/usr/bin/env node
// The command `handoff`.

// First: it may start the command again.
import './clean-start.ts'
import { CommanderError } from 'commander'
import { release } from '../supervisor/program/release.ts'
import { printError, printFailure, printJsonFailure } from './client/fail.ts'
import { markNodeFlags } from './node-flags.ts'
import { makeProgram } from './program.ts'

// A command without its output has failed, but a reader that went away ends it as planned:
// `handoff status --watch | head -1`. EIO: the terminal has gone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') process.exit()
  printError(
    `cannot write to stdout: ${error.message}. Make room or write elsewhere; what the command has begun goes on.`,
  )
  process.exit(1)
})
// A supervisor outlives its log, whatever fails there.
process.stderr.on('error', () => {})

/** `the name '../e5' is invalid. A name has …`, in place of the words of the library. */
function plainUsage(text: string): string {
  return text
    .replace(/^error: /, '')
    .replace(
      /command-argument value ('.*') is invalid for argument '(.*?)'/,
      'the $2 $1 is invalid',
    )
    .trimEnd()
}

const program = makeProgram(release, (code) => {
  process.exitCode = code
})
for (const command of [program, ...program.commands]) {
  command.exitOverride().configureOutput({
    outputError: (text) => printError(plainUsage(text)),
  })
}

const [node = '', script = '', ...args] = process.argv
// After `run` it may be the program's.
const wantsJson = args[0] !== 'run' && args.includes('--json')

async function main(): Promise<void> {
  const run = program.commands.find((command) => command.name() === 'run')
  await program.parseAsync([node, script, ...(run ? markNodeFlags(args, run) : args)])
}

main().catch((error: unknown) => {
  const isAnswer = error instanceof CommanderError && error.exitCode === 0
  if (wantsJson && !isAnswer) printJsonFailure(error)
  if (error instanceof CommanderError) {
    // Help and version that were asked for have exit code 0; all else was not understood.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    printFailure(error)
    process.exitCode = 1
  }
})
