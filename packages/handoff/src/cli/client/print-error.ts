// Prints the error of a command: one line on stderr.

import { printable } from '../../protocol/printable.ts'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { styleFor } from '../text/style.ts'
import { Refusal } from './client.ts'

/** Prints `handoff: <message> [CODE]` in one line, without control characters. */
export function printError(message: string, code?: string): void {
  const style = styleFor(process.stderr)
  const suffix = code === undefined ? '' : ` ${style.dim(`[${printable(code)}]`)}`
  process.stderr.write(`${style.bad('handoff:')} ${printable(message)}${suffix}\n`)
}

/** Prints a failure for people. An unexpected error keeps its stack, for a bug report. */
export function printFailure(error: unknown): void {
  if (error instanceof HandoffError || error instanceof Refusal) {
    printError(error.message, error.code)
  } else if (isSystemError(error)) printError(systemText(error), error.code)
  else printStack(error instanceof Error ? (error.stack ?? error.message) : reasonOf(error))
}

/** Indents further lines, so that none of them looks like a line of `handoff`. */
function printStack(stack: string): void {
  const [message = '', ...frames] = stack.split('\n')
  printError(message)
  for (const frame of frames) process.stderr.write(`    ${printable(frame.trim())}\n`)
}

/** Describes a system error, and says what to do about the usual ones. */
function systemText(error: NodeJS.ErrnoException): string {
  const remedy = remedies[error.code ?? '']
  return `cannot go on: ${error.message}${remedy === undefined ? '' : `. ${remedy}`}`
}

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'Run the command as the user that runs the server.',
  EPERM: 'Run the command as the user that runs the server.',
  ENOSPC: 'Make room there, or set HANDOFF_DIR to another directory.',
  EDQUOT: 'Make room there, or set HANDOFF_DIR to another directory.',
  EROFS: 'Set HANDOFF_DIR to a directory that can be written to.',
  EMFILE: 'Raise the limit on open files (ulimit -n).',
  ENFILE: 'Raise the limit on open files of the system (fs.file-max).',
  ENOMEM: 'The machine, or its cgroup, is out of memory.',
}

/** An errno with its system call. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

/** Prints a failure for programs, as one line of JSON on stdout. */
export function printJsonFailure(error: unknown): void {
  const { code } = error as { code?: unknown }
  const isOurs = error instanceof HandoffError || error instanceof Refusal || isSystemError(error)
  const message = isSystemError(error) ? systemText(error) : reasonOf(error).replace(/^error: /, '')
  const failure = { type: 'error', ok: false, ...(isOurs && { code }), message }
  process.stdout.write(`${JSON.stringify(failure)}\n`)
}
