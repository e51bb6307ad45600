// The command `handoff`.

// Imported first: it may start the command again.
import './clean-start.ts'
import { CommanderError } from 'commander'
import { release } from '../supervisor/program/release.ts'
import { printError, printFailure, printJsonFailure } from './client/print-error.ts'
import { makeCommandLine } from './command-line.ts'
import { markNodeFlags } from './node-flags.ts'

// A command that cannot write has failed, unless its reader has closed the pipe, as in
// `handoff status --watch | head -1`. EIO: the terminal was closed.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') process.exit()
  printError(
    `cannot write to stdout: ${error.message}. Make room or write elsewhere. The run does what the command asked for.`,
  )
  process.exit(1)
})
// A supervisor goes on if its log cannot be written.
process.stderr.on('error', () => {})

/** Makes `the name '../e5' is invalid. Give …` of the message of the library. */
function plainUsage(text: string): string {
  return text
    .replace(/^error: /, '')
    .replace(
      /command-argument value ('.*') is invalid for argument '(.*?)'/,
      'the $2 $1 is invalid',
    )
    .trimEnd()
}

const program = makeCommandLine(release, (code) => {
  process.exitCode = code
})
for (const command of [program, ...program.commands]) {
  command.exitOverride().configureOutput({
    outputError: (text) => printError(plainUsage(text)),
  })
}

const [node = '', script = '', ...args] = process.argv
// After `run` the flag may be for the program.
const wantsJson = args[0] !== 'run' && args.includes('--json')

async function main(): Promise<void> {
  const run = program.commands.find((command) => command.name() === 'run')
  await program.parseAsync([node, script, ...(run ? markNodeFlags(args, run) : args)])
}

main().catch((error: unknown) => {
  const isAnswer = error instanceof CommanderError && error.exitCode === 0
  if (wantsJson && !isAnswer) printJsonFailure(error)
  if (error instanceof CommanderError) {
    // Help and version have exit code 0. All else is wrong usage.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    printFailure(error)
    process.exitCode = 1
  }
})
