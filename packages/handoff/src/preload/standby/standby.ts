// Lets a process that was started ahead wait until the supervisor needs it.
//
// Node.js, this package and the loader of TypeScript are loaded by then, and nothing of the program. The thread
// is blocked: the process takes no processor time, and its timers and promises do not run.

import { closeSync, readSync } from 'node:fs'
import { realSystem } from '../../io/system/system.ts'

/** The descriptor on which the word comes; absent in a process that is not started ahead. */
const variable = 'HANDOFF_STANDBY'

let begin: (() => void) | undefined

/** Sets the preload that runs when the word has come. */
export function beginLater(preload: () => void): void {
  begin = preload
}

/**
 * Blocks this thread until the word comes: the variables that a process gets at its start. Then the preload
 * runs. Without the supervisor there is no word, and the process ends.
 */
export function awaitWord(): void {
  const { env, exit } = realSystem
  const fd = Number(env[variable])
  delete env[variable]
  if (!(fd > 2) || begin === undefined) return
  const word = readLine(fd)
  if (word === undefined) exit(0)
  else Object.assign(env, JSON.parse(word))
  begin()
}

/** Returns undefined if the other end was closed before a whole line came. */
function readLine(fd: number): string | undefined {
  const chunk = Buffer.alloc(65_536)
  let text = ''
  for (;;) {
    const length = readSync(fd, chunk)
    text += chunk.toString('latin1', 0, length)
    if (length === 0 || text.endsWith('\n')) break
  }
  closeSync(fd)
  return text.endsWith('\n') ? Buffer.from(text, 'latin1').toString() : undefined
}
