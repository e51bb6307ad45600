// Spawns one generation: a process in a session of its own, which outlives the supervisor.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inheritedVariables, type NamedDescriptor } from '../../io/listeners/inherited-variables.ts'
import { moduleFolder } from '../../io/native/package-folder.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { HandoffError, reasonOf } from '../../terms/errors.ts'
import { findEntry } from './entry.ts'
import {
  generationEnvironment,
  generationFlags,
  type Timeouts,
  withFirstModule,
} from './environment.ts'
import { splitNodeOptions } from './node-options.ts'
import { programFlags } from './own-flags.ts'
import type { Program } from './program.ts'

/**
 * Loaded before everything else, so that listeners of other preloads are handed over, too. Reports exceptions
 * to the supervisor, and makes the handoff of programs that do not import this package.
 *
 * @remarks In NODE_OPTIONS, since those flags come before arguments. It removes itself there again, so that
 * children of the program do not load it. Also an argument: Node.js with capabilities of its own, or
 * built without NODE_OPTIONS, does not read it.
 */
const first = fileURLToPath(new URL('preload/first.cjs', moduleFolder))
/** The same modules for Node.js that cannot load ES modules from CommonJS. */
const later = ['preload/report-exception.js', 'register.js'].map((path) => moduleFolder + path)
/** Loaded last: from here on listeners belong to the program, not to its preloads. */
export const lastPreload = `${moduleFolder}preload/last.js`

/** What a process gets from the supervisor. */
export interface SpawnOptions {
  /** From 1. */
  readonly worker: number
  /** Listeners for a process that finds no old process. */
  readonly inherited: readonly NamedDescriptor[]
  /** The generation of a process that finds no old process. */
  readonly generation: number
  /** Sockets bound at the places of other workers. */
  readonly reserved: readonly NamedDescriptor[]
  /** Rendezvous sockets of other workers from which it takes over, too. */
  readonly joins: readonly string[]
  /** Listeners of the old process that it may leave out. */
  readonly drop: readonly string[]
  /** Whether the old process has no listener: then the new one need not listen to be ready. */
  readonly idle: boolean
}

/** How a process is started. */
export interface Command {
  readonly node: string
  /** Flags of Node.js that load the program's own code before the entry; empty: none. */
  readonly flags: readonly string[]
  readonly program: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Passed on from number 3 on. */
  readonly descriptors: readonly number[]
}

/** Variables that a process may get late, since they are read when the entry begins. */
export function lateVariables({ generation, joins, drop, idle }: SpawnOptions): NodeJS.ProcessEnv {
  return {
    HANDOFF_GENERATION: String(generation),
    ...(idle && { HANDOFF_IDLE: '1' }),
    ...(drop.length > 0 && { HANDOFF_DROP: drop.join(',') }),
    ...(joins.length > 0 && { HANDOFF_JOINS: JSON.stringify(joins) }),
  }
}

/**
 * Finds the entry anew, and makes the command that starts it.
 *
 * @param directory - of its worker.
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY
 */
export function generationCommand(
  { entry, args, flags: ofProgram = [], workingDirectory, node }: Program,
  directory: RunDirectory,
  timeouts: Timeouts,
  options: SpawnOptions,
): Command {
  const { worker, inherited, reserved } = options
  const { path, cwd, loader } = findEntry(entry, workingDirectory, node)
  const own = programFlags({ execArgv: process.execArgv, env: process.env })
  const flags = [...generationFlags([...own.flags, ...ofProgram], own.nodeOptions), ...loader]
  return {
    node,
    flags: withPreloads(flags, own.nodeOptions),
    program: [path, ...args],
    cwd,
    env: {
      ...generationEnvironment(process.env, worker, directory, timeouts),
      NODE_OPTIONS: withFirstModule(first, own.nodeOptions),
      PWD: workingDirectory,
      ...inheritedVariables(inherited, reserved),
      ...lateVariables(options),
    },
    descriptors: [...inherited, ...reserved].map(({ fd }) => fd),
  }
}

/**
 * Starts a process.
 *
 * @param directory - of its worker.
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY; ERR_HANDOFF_SPAWN_FAILED when the system could
 * not start it.
 */
export async function spawnGeneration(
  ...how: Parameters<typeof generationCommand>
): Promise<ChildProcess & { readonly pid: number }> {
  const { node, flags, program, cwd, env, descriptors } = generationCommand(...how)
  try {
    const child = spawn(node, [...flags, ...program], {
      cwd,
      env,
      // In a session of its own: Ctrl-C reaches the supervisor alone, and the end of the terminal does not
      // end the server.
      detached: true,
      // Never a pipe: a server that outlives the supervisor would get EPIPE.
      stdio: ['inherit', 'inherit', 'inherit', ...descriptors],
    })
    if (hasPid(child)) return child
    // Node reports most errors in the next tick. A few (E2BIG) are thrown.
    const [error] = await once(child, 'error')
    throw error
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const reason = meanings[code] ?? reasonOf(cause)
    throw new HandoffError('ERR_HANDOFF_SPAWN_FAILED', `cannot start ${node}: ${reason}`, { cause })
  }
}

/** The errors of execve(2) for the file of Node.js. */
const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file (ENOENT)',
  ENOTDIR: 'there is no such file (ENOTDIR)',
  EACCES: 'this user may not execute it (EACCES)',
  ENOEXEC: 'it is not a program for this machine (ENOEXEC)',
}

/** Puts the preloads of this package before and behind those of the operator. */
function withPreloads(flags: readonly string[], nodeOptions = ''): string[] {
  const all = [...splitNodeOptions(nodeOptions), ...flags]
  const has = (pattern: RegExp) => all.some((flag) => pattern.test(flag))
  const noRequire = /^--no-(experimental-)?require-module$/
  const loads = has(noRequire) ? later.flatMap((url) => ['--import', url]) : []
  // Modules of `--require` run in one turn with the program's; those of `--import` do not.
  const ends = has(/^--(import|(experimental[-_])?loader)(=|$)/) ? ['--import', lastPreload] : []
  return ['--require', first, ...loads, ...flags, ...ends]
}

export function hasPid(child: ChildProcess): child is ChildProcess & { readonly pid: number } {
  return child.pid !== undefined
}
