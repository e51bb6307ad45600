// Joins sentences.

/** Appends a sentence to a message, which may end without a full stop. */
export function withSentence(message: string, sentence: string): string {
  const stop = /[.!?…]$/.test(message) ? '' : '.'
  return `${message}${stop} ${sentence}`
}

/** `generation 2 (pid 4711)`. A process has no generation until it reports one. */
export function processName({ pid, generation }: { pid: number; generation: number }): string {
  return generation === 0 ? `the process (pid ${pid})` : `generation ${generation} (pid ${pid})`
}
