// How a command ends when it cannot do its work: one line on stderr, and the exit code.

import { HandoffError, reasonOf } from '../errors.ts'
import { Refusal } from './client.ts'
import { styleFor } from './style.ts'

/** Prints `handoff: <message> [CODE]`. */
export function printError(message: string, code?: string): void {
  const style = styleFor(process.stderr)
  const suffix = code === undefined ? '' : ` ${style.dim(`[${code}]`)}`
  process.stderr.write(`${style.bad('handoff:')} ${message}${suffix}\n`)
}

/** Prints a failure for people; one that nobody foresaw keeps its stack, for the bug report. */
export function printFailure(error: unknown): void {
  if (error instanceof HandoffError || error instanceof Refusal) {
    printError(error.message, error.code)
  } else if (isSystemError(error)) printError(error.message)
  else printError(error instanceof Error ? (error.stack ?? error.message) : reasonOf(error))
}

/** An errno with its system call: the text says all. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
