// Replaces the program of this process: to all other processes it stays the same one.

import { check, loadNative } from '../native/addon.ts'
import { descriptorArray } from '../native/descriptors.ts'

/** The program that replaces this one. */
export interface ProgramToExec {
  /** The path of the executable. PATH is not searched. */
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Descriptors that stay open beside those of stdio, under the same numbers. */
  readonly keep: readonly number[]
}

/**
 * Replaces the program of this process. The pid, the parent and the children stay. Closes every descriptor
 * that is not kept. No code of this program runs any more, not even `exit` listeners.
 *
 * @remarks A signal that comes before the new program listens to it has its default effect.
 * @throws a system error, without a change: `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG`.
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
