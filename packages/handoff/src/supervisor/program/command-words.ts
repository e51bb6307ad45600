// Reads a command as an operator writes it in a shell, such as `npm start`, and finds the program
// that it starts in the end. An error says what to write instead.

import { readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { HandoffError } from '../../terms/errors.ts'
import { findModuleFile } from './entry-file.ts'
import { isNodeFlag, widthOf } from './node-options.ts'
import type { Program } from './program.ts'

/** A program, and the command that it was read from. */
export interface Command extends Pick<Program, 'entry' | 'args'> {
  readonly flags: readonly string[]
  /** `npm start is \`node server.js\``, for the operator; absent if the command was a file. */
  readonly readFrom?: string
}

/** Commands that run a script of package.json. */
const runners = new Set(['npm', 'pnpm', 'yarn'])

/** Commands that run a file, which `handoff run` does itself. Those of the second set also watch it. */
const starters = new Set(['tsx', 'ts-node', 'npx', 'pm2', 'pm2-runtime', 'nest', 'bun', 'deno'])
const watchers = new Set(['nodemon', 'node-dev', 'ts-node-dev', 'tsnd'])

/**
 * Reads what comes after `handoff run`.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY, which says what to write, if the command does not start
 * exactly one program of Node.js.
 */
export function readCommand(words: readonly string[], directory: string): Command {
  const [name = '', ...args] = words
  if (findModuleFile(join(directory, name)) !== undefined) return { entry: name, args, flags: [] }
  if (name === 'node') return ofNode(args, words)
  if (runners.has(name)) return ofScript(name, args, directory)
  if (watchers.has(name)) throw instead(words, ['--watch', ...filesOf(args)])
  if (starters.has(name)) throw instead(words, filesOf(args))
  return { entry: name, args, flags: [] }
}

function ofNode(words: readonly string[], whole: readonly string[]): Command {
  let index = 0
  while (words[index]?.startsWith('-')) {
    const flag = words[index] as string
    if (flag.startsWith('--watch')) throw instead(whole, ['--watch', ...filesOf(words)])
    if (!isNodeFlag(flag)) throw cannotStart(whole, `${flag} is not for a server`)
    index += widthOf(flag)
  }
  const [entry, ...args] = words.slice(index)
  if (entry === undefined) throw cannotStart(whole, 'it names no file')
  return { entry, args, flags: words.slice(0, index) }
}

/** `npm start`, `npm run serve -- --port 3000`, `yarn serve`. */
function ofScript(runner: string, words: readonly string[], directory: string): Command {
  const [first = 'start', ...others] = words
  const [name = '', ...args] = first === 'run' || first === 'run-script' ? others : words
  const command = `${runner} ${words.join(' ')}`.trim()
  const script = scriptsOf(directory)[name || 'start']
  if (script === undefined) {
    throw cannotStart([command], `package.json has no script "${name}"`)
  }
  const plain = splitPlain(script)
  if (plain === undefined || runners.has(plain[0] ?? '')) {
    throw cannotStart(
      [command],
      `the script "${name}" is \`${script}\`, which is more than one program of Node.js; ` +
        'write the file that it starts after `handoff run`, and variables before it',
    )
  }
  const rest = args[0] === '--' ? args.slice(1) : args
  return { ...readCommand([...plain, ...rest], directory), readFrom: `${command} is \`${script}\`` }
}

/** Splits a command into words; undefined if it has syntax of a shell. */
function splitPlain(script: string): string[] | undefined {
  if (/[&|;<>$`(){}*?\\~#\n]/.test(script) || /^\s*(cross-env\s|\w+=)/.test(script))
    return undefined
  const words = script.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  return words.map((word) => word.replace(/["']/g, ''))
}

function scriptsOf(directory: string): Record<string, string> {
  try {
    const { scripts } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    return Object(scripts)
  } catch {
    return {}
  }
}

/** Returns the file among the arguments, and the arguments after it. */
function filesOf(args: readonly string[]): readonly string[] {
  const index = args.findIndex(
    (arg) => !arg.startsWith('-') && /\.[cm]?[jt]sx?$/.test(extname(arg)),
  )
  return index < 0 ? ['FILE'] : args.slice(index)
}

function instead(words: readonly string[], command: readonly string[]): HandoffError {
  const [name = ''] = words
  return cannotStart(
    words,
    `${basename(name)} starts the server in a process of its own; write \`handoff run ${command.join(' ')}\``,
  )
}

function cannotStart(words: readonly string[], reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_ENTRY', `cannot start ${words.join(' ')}: ${reason}`)
}
