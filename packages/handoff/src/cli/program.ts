// The commands, their flags and their help.

import { Command, Option } from 'commander'
import { duration, positiveDuration, runName } from './arguments.ts'
import { reload } from './reload.ts'
import { run } from './run.ts'
import { status } from './status.ts'
import { stop } from './stop.ts'

/** Makes the program; `exit` gets the exit code of the command that ran. */
export function makeProgram(version: string, exit: (code: number) => void): Command {
  const program = new Command('handoff')
    .description('Replaces a running Node.js server without one client noticing.')
    .version(version)
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText('after', afterHelp)

  program
    .command('run')
    .summary('run a server, and replace it when told to')
    .description(
      'Runs ENTRY in the foreground and supervises it: `handoff reload`, SIGHUP or, with --watch,\n' +
        'a change of the sources replace it by a new process; a crash starts it again.\n' +
        'TypeScript runs without a build. Everything after ENTRY is passed to it.',
    )
    .argument('<entry>', 'the file that starts the server')
    .argument('[args...]', 'its arguments')
    .option('--name <name>', 'name of the run (default: that of the package of ENTRY)', runName)
    .option('--watch', 'reload when the sources change')
    .option('--ready-timeout <time>', timeText('from start to ready', '60s'), positiveDuration)
    .option('--drain-timeout <time>', timeText('to finish requests in flight', '30s'), duration)
    .option(
      '--probation <time>',
      timeText('in which the old process can take back', '5s'),
      duration,
    )
    .passThroughOptions()
    .action(async (entry, args, options) => exit(await run(entry, args, options)))

  program
    .command('reload')
    .summary('replace the server; exit 0: the new one serves, 1: the old one does')
    .description(
      'Starts a new process that takes over, and shows the stages of both sides. Returns as soon as\n' +
        'the new generation serves (exit 0), or the handoff has failed and the old one serves on (1).',
    )
    .argument('[name]', nameText, runName)
    .addOption(
      new Option('--wait <event>', 'return when the old process has gone').choices(['exit']),
    )
    .option('--json', 'one JSON object a line')
    .action(async (name, options) => exit(await reload(name, options)))

  program
    .command('status')
    .summary('show the processes of a run')
    .description('Shows which processes there are, what each does, and how the last handoff went.')
    .argument('[name]', nameText, runName)
    .option('--json', 'one JSON object')
    .option('--watch', 'again every second')
    .action(async (name, options) => exit(await status(name, options)))

  program
    .command('stop')
    .summary('let every process finish its work, then end the run')
    .description(
      'Stops accepting, finishes what is in flight, and returns when everything has gone.',
    )
    .argument('[name]', nameText, runName)
    .action(async (name) => exit(await stop(name)))

  return program
}

const nameText =
  'name of the run (default: that of the package in this directory, else the only one that runs)'

const afterHelp = `
Examples:
  handoff run --watch src/server.ts    develop: an edit shows at the next request
  handoff run dist/server.js           production; also as PID 1 of a container
  handoff reload --wait exit           deploy: returns when the old process has gone
  handoff status --json

Environment:
  HANDOFF_DIR   where runs keep their sockets (default: $XDG_RUNTIME_DIR/handoff)
  NO_COLOR      no colours

Exit codes: 0 done, 1 failed (stderr says why), 2 not understood.`

function timeText(what: string, byDefault: string): string {
  return `time ${what}: 500ms, 30s, 2m (default: the server's own, ${byDefault})`
}
