// Defines the commands, their flags and their help.

import { Command, Option } from 'commander'
import { checkCommand } from '../supervisor/program/release.ts'
import {
  duration,
  generationCount,
  listenerPlaces,
  positiveDuration,
  runName,
  watchdogDuration,
  workerCount,
} from './arguments.ts'
import { reload } from './commands/reload.ts'
import { status } from './commands/status.ts'
import { stop } from './commands/stop.ts'
import { upgrade } from './commands/upgrade.ts'
import { misplacedOptions, nodeFlagOption } from './node-flags.ts'

/**
 * Makes the program; `exit` gets the exit code of the command that ran.
 *
 * @remarks `run` and `doctor` load their code when they run: it is most of all.
 */
export function makeCommandLine(version: string, exit: (code: number) => void): Command {
  const program = new Command('handoff')
    .description('Replaces a running Node.js server without a lost request.')
    .version(version)
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText('after', examples)

  program
    .command('run')
    .summary('run a server, and replace it on request')
    .description(
      'Runs ENTRY in the foreground and supervises it. `handoff reload`, SIGHUP or, with --watch, ' +
        'a change of the sources replaces it by a new process. After a crash it starts again. ' +
        'TypeScript runs without a build. Everything after ENTRY is passed to it. Flags of node ' +
        '(--import, --require, --env-file, --inspect and the like) go before it.',
    )
    .usage('[options] [flags of node] <entry> [args...]')
    .argument('<entry>', 'the file that starts the server')
    .argument('[args...]', 'its arguments')
    .option('--name <name>', 'name of the run (default: name of the package of ENTRY)', runName)
    .option('--watch', 'reload when the sources change')
    .option('--watch-ignore <glob>', 'files that are not watched; may be repeated', append)
    .option(
      '--workers <n>',
      'number of processes that serve in parallel; max: one for each core (default: 1)',
      workerCount,
    )
    .option('--parallel', 'reload all workers but the first in parallel, not one after the other')
    .option('--ready-timeout <time>', timeText('from start to ready', '60s'), positiveDuration)
    .option('--drain-timeout <time>', timeText('to finish requests under way', '30s'), duration)
    .option(
      '--probation <time>',
      timeText('in which the old process can take back', '5s'),
      duration,
    )
    .option(
      '--ramp <time>',
      'time in which the old and the new process accept side by side, at most; 0: none ' +
        "(default: the server's own, 3s; with --watch 0)",
      duration,
    )
    .addOption(tlsOption())
    .option(
      '--standby',
      'keep the next process of the first worker started ahead, as --watch does: a reload loads ' +
        'the program alone',
    )
    .option(
      '--watchdog <time>',
      'a server that sends no report for this time is killed and starts again; 0: never ' +
        '(default: 5s, and only in the probation after a reload)',
      watchdogDuration,
    )
    .option(
      '--max-generations <n>',
      'how many processes of one worker may run at a time, old ones that drain included; one ' +
        'more reload fails, or with --watch kills the oldest (default: 10)',
      generationCount,
    )
    .addOption(new Option(`${nodeFlagOption} <flag>`).hideHelp().argParser(append))
    .addHelpText('after', times)
    .passThroughOptions()
    .action(async (entry, args, options, command) => {
      const { run } = await import('./commands/run.ts')
      exit(await run(entry, args, { ...options, misplaced: misplacedOptions(args, command) }))
    })

  program
    .command('reload')
    .summary('replace the server; exit 0: the new one serves, 1: the old one serves')
    .description(
      'Starts a new process that takes over, and shows the stages of both sides. Returns when ' +
        'the new generation serves (exit 0), or when the handoff has failed and the old one serves ' +
        'on (exit 1).',
    )
    .argument('[name]', nameText, runName)
    .addOption(
      new Option('--wait <event>', 'return when the old process has ended').choices(['exit']),
    )
    .option('--workers <n>', 'number of workers from now on; max: one for each core', workerCount)
    .option('--parallel', 'reload all workers but the first in parallel, not one after the other')
    .option('--entry <path>', 'start another file, such as a new release; later starts use it, too')
    .option('--cwd <path>', 'start it in another working directory')
    .option('--node <path>', 'start it by another Node.js')
    .option(
      '--drop <place>',
      'the new process need not listen on this port or Unix path; may be repeated',
      listenerPlaces,
    )
    .option('--json', 'print one JSON object for each line')
    .action(async (name, options) => {
      exit(await reload(name, options))
    })

  program
    .command('status')
    .summary('show the processes of a run')
    .description('Shows the processes, their stages and connections, and the last handoff.')
    .argument('[name]', nameText, runName)
    .option('--json', 'print one JSON object')
    .option('--watch', 'print again every second')
    .action(async (name, options) => {
      exit(await status(name, options))
    })

  program
    .command('stop')
    .summary('let every process drain, then end the run')
    .description(
      'Stops accepting, lets requests under way finish, and returns when all processes have ended.',
    )
    .argument('[name]', nameText, runName)
    .option('--json', 'print one JSON object')
    .action(async (name, options) => {
      exit(await stop(name, options))
    })

  program
    .command('upgrade')
    .summary('replace the supervisor by this release; the server is not touched')
    .description(
      'Replaces the supervisor of the run by the release of handoff, and the Node.js, that run this ' +
        'command. It stays the same process. No server is started or stopped. Exit 1: the supervisor ' +
        'goes on as before.',
    )
    .argument('[name]', nameText, runName)
    .option('--json', 'print one JSON object')
    .action(async (name, options) => {
      exit(await upgrade(name, options))
    })

  program.command(checkCommand, { hidden: true }).action(async () => {
    const { canResume } = await import('./commands/can-resume.ts')
    exit(await canResume())
  })

  program
    .command('doctor')
    .summary('find problems that prevent a handoff here')
    .description(
      'Checks this machine, its limits and other process managers and, with ENTRY, the file and its ' +
        'package. Starts nothing. Exit 1: there is a problem.',
    )
    .argument('[entry]', 'the file that starts the server')
    .option('--json', 'print one JSON object')
    .action(async (entry, options) => {
      const { doctor } = await import('./commands/doctor.ts')
      exit(await doctor(entry, options))
    })

  program
    .command('build-native')
    .summary('build the native core where no prebuilt one fits')
    .description(
      'Builds the native core for this machine into the installed package, and loads it. It needs a ' +
        'C++ compiler, make and Python 3. Prints the path of the result.',
    )
    .action(async () => {
      const { buildNative } = await import('./commands/build-native.ts')
      exit(buildNative())
    })

  return program
}

/**
 * An operator who keeps the keys in their process by the environment means the servers of `handoff run`, too. As every
 * variable, it counts if it is not empty.
 */
function tlsOption(): Option {
  const option = new Option(
    '--tls <what>',
    'what becomes of TLS connections at a reload: they move to the new process with their ' +
      "keys, or close (default: HANDOFF_TLS, or else the server's own, move)",
  ).choices(['move', 'close'])
  return process.env.HANDOFF_TLS ? option.env('HANDOFF_TLS') : option
}

/** Collects the values of an option that may be repeated. */
function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

const nameText =
  'name of the run (default: name of the package in this directory, else the only run)'

function timeText(what: string, usual: string): string {
  return `time ${what} (default: the server's own, ${usual})`
}

const times = `
A <time> is 500ms, 30s, 2m or 1h; a plain number is seconds; infinity is 24 days.`

const examples = `
Examples:
  handoff run --watch src/server.ts    development: an edit reloads the server
  handoff run dist/server.js           production, also as PID 1 of a container
  handoff run --workers max dist/server.js   one process for each core
  handoff reload --wait exit           deploy, and wait until the old process has ended
  handoff reload --entry ../43/server.js   deploy from another directory
  handoff status --json

Environment:
  HANDOFF_DIR   directory of the sockets of runs (default: $XDG_RUNTIME_DIR/handoff)
  NO_COLOR      no colours

Exit codes: 0 done, 1 failed (stderr says why), 2 wrong usage.`
