// This process becomes another program, and stays the same process to everybody else.

import { check, loadNative } from '../native/addon.ts'
import { descriptorArray } from '../native/descriptors.ts'

/** The program to become. */
export interface ProgramToExec {
  /** The executable: a path, not searched for. */
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Descriptors that the program gets beside those of stdio, under the same numbers. */
  readonly keep: readonly number[]
}

/**
 * Replaces the program of this process: the pid, the parent and the children stay, every descriptor
 * that is not kept is closed, and nothing of this program runs any more, not even `exit` listeners.
 *
 * @remarks A signal that comes before the new program listens to it does what it does by default.
 * @throws a system error, where all is as it was: `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG`
 * @see execve(2)
 * @internal
 */
export function execProgram({ file, args, env, keep }: ProgramToExec): never {
  const pairs = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )
  const argv = [file, ...args]
  check(loadNative().becomeProgram(file, argv, pairs, descriptorArray(keep)), 'execve', {
    path: file,
  })
  throw new Error('execve has returned')
}
