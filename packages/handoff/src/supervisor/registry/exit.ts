// How a process has ended, in words, and what that alone tells of the reason.

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

/** How it ended, and why, as far as its last words and the end itself tell. */
export function endText(exit: Exit | undefined, words: string | undefined): string {
  const how = exit === undefined ? 'has ended' : exitText(exit)
  const why = exit === undefined ? words : reasonFor(exit, words)
  return why === undefined ? how : `${how}: ${why}`
}

/** @param words - what the process has told of it. */
export function reasonFor({ code, signal }: Exit, words: string | undefined): string | undefined {
  // It cannot have known: an exception that it told of before, it has survived.
  if (signal === 'SIGKILL') return unseen
  return words ?? (signal === null ? meanings[code ?? 0] : meanings[signal])
}

const unseen = 'by hand, or by the kernel because memory ran out (dmesg tells)'
const aborted =
  'Node aborted, as it does when memory runs out (--max-old-space-size); its stderr tells'
const fault = 'a fault in native code, of an addon or of Node'

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
  9: 'Node does not take one of its flags, or cannot read a file that one names (--env-file); its stderr says which',
  13: 'an await at the top level never settled',
}
