// Describes how a process has ended, and the reason as far as the end itself shows it.

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export function exitText({ code, signal }: Exit): string {
  return signal === null ? `exited with code ${code}` : `was killed by ${signal}`
}

/** Whether SIGTERM ended it, or a listener to it that exits as a shell would say so (128 + 15). */
export function isTermination({ code, signal }: Exit): boolean {
  return signal === 'SIGTERM' || code === 143
}

/** @param reason - as the process has reported it. */
export function endText(exit: Exit | undefined, reason: string | undefined): string {
  const how = exit === undefined ? 'has ended' : exitText(exit)
  const why = exit === undefined ? reason : reasonFor(exit, reason)
  return why === undefined ? how : `${how}: ${why}`
}

/** @param reason - as the process has reported it. */
export function reasonFor({ code, signal }: Exit, reason: string | undefined): string | undefined {
  // The process cannot report a SIGKILL. An exception that it reported before did not end it.
  if (signal === 'SIGKILL') return unseen
  return reason ?? (signal === null ? meanings[code ?? 0] : meanings[signal])
}

const unseen = 'by a person, or by the kernel because memory ran out (see dmesg)'
const aborted =
  'Node.js aborted, as it does if memory runs out (--max-old-space-size); see its stderr'
const fault = 'a fault in native code, of an addon or of Node.js'

/**
 * By signal, and by the exit code that a shell or Node makes of it.
 *
 * @see https://nodejs.org/api/process.html#exit-codes
 */
const meanings: Readonly<Record<string | number, string>> = {
  SIGABRT: aborted,
  134: aborted,
  SIGSEGV: fault,
  139: fault,
  SIGBUS: fault,
  SIGILL: fault,
  SIGFPE: fault,
  9: 'Node.js refused a flag, or cannot read a file that a flag names (--env-file); see its stderr',
  13: 'an await at the top level never settled',
}
