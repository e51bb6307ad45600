// Starts one generation: a process of its own session, which outlives the supervisor.

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
 * Loaded before everything else, so that what other preloads listen on is handed over, too: tells
 * the supervisor of exceptions, and serves for programs that import nothing of ours.
 *
 * @remarks In NODE_OPTIONS, since those flags come before arguments. It takes itself out again: the
 * program's own children are no servers of ours. As an argument as well: Node.js with capabilities
 * of its own, or built without it, does not read NODE_OPTIONS.
 */
const first = fileURLToPath(new URL('preload/first.cjs', moduleFolder))
/** The same as ES modules, where they cannot be loaded from CommonJS. */
const later = ['preload/report-exception.js', 'register.js'].map((path) => moduleFolder + path)
/** Loaded last: from here on it is the program that listens, not what is preloaded. */
const last = `${moduleFolder}preload/last.js`

/** What a process is to be, and what it gets from us. */
export interface Start {
  /** From 1. */
  readonly worker: number
  /** For the case that there is no process to take over from. */
  readonly inherited: readonly NamedDescriptor[]
  /** In the same case; else it is told by that one. */
  readonly generation: number
  /** At places of other workers, for what it would bind there. */
  readonly reserved: readonly NamedDescriptor[]
  /** Rendezvous sockets of processes from which it takes over, too. */
  readonly joins: readonly string[]
  /** Listeners of the old process that it may leave out. */
  readonly drop: readonly string[]
  /** Whether the old process listens on nothing: then this one need not be waited for. */
  readonly idle: boolean
}

/**
 * Starts a process.
 *
 * @param directory - of its worker.
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY; ERR_HANDOFF_SPAWN_FAILED when the system could
 * not start it.
 */
export async function spawnGeneration(
  { entry, args, flags: ofProgram = [], workingDirectory, node }: Program,
  directory: RunDirectory,
  timeouts: Timeouts,
  { worker, inherited, generation, reserved, joins, drop, idle }: Start,
): Promise<ChildProcess & { readonly pid: number }> {
  const { path, cwd, loader } = findEntry(entry, workingDirectory, node)
  const own = programFlags({ execArgv: process.execArgv, env: process.env })
  const flags = [...generationFlags([...own.flags, ...ofProgram], own.nodeOptions), ...loader]
  const argv = [...withPreloads(flags, own.nodeOptions), path, ...args]
  try {
    const child = spawn(node, argv, {
      cwd,
      env: {
        ...generationEnvironment(process.env, worker, directory, timeouts),
        NODE_OPTIONS: withFirstModule(first, own.nodeOptions),
        PWD: workingDirectory,
        HANDOFF_GENERATION: String(generation),
        ...inheritedVariables(inherited, reserved),
        ...(idle && { HANDOFF_IDLE: '1' }),
        ...(drop.length > 0 && { HANDOFF_DROP: drop.join(',') }),
        ...(joins.length > 0 && { HANDOFF_JOINS: JSON.stringify(joins) }),
      },
      // A session of its own: Ctrl-C reaches the supervisor alone, which owns the signals, and the
      // end of the terminal does not end the server.
      detached: true,
      // Never a pipe: a server that outlives the supervisor would write into nothing (EPIPE).
      stdio: ['inherit', 'inherit', 'inherit', ...[...inherited, ...reserved].map(({ fd }) => fd)],
    })
    if (hasPid(child)) return child
    // Node tells why in the next tick; most errors come this way, a few (E2BIG) are thrown.
    const [error] = await once(child, 'error')
    throw error
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    const reason = meanings[code] ?? reasonOf(cause)
    throw new HandoffError('ERR_HANDOFF_SPAWN_FAILED', `cannot start ${node}: ${reason}`, { cause })
  }
}

/** What execve(2) says of the file of Node.js, in words. */
const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file (ENOENT)',
  ENOTDIR: 'there is no such file (ENOTDIR)',
  EACCES: 'this user may not execute it (EACCES)',
  ENOEXEC: 'it is no program of this machine (ENOEXEC)',
}

/** Puts our preloads before and behind those of the operator. */
function withPreloads(flags: readonly string[], nodeOptions = ''): string[] {
  const all = [...splitNodeOptions(nodeOptions), ...flags]
  const has = (pattern: RegExp) => all.some((flag) => pattern.test(flag))
  const noRequire = /^--no-(experimental-)?require-module$/
  const loads = has(noRequire) ? later.flatMap((url) => ['--import', url]) : []
  // Modules of `--require` run in one turn with the program's; those of `--import` do not.
  const ends = has(/^--(import|(experimental[-_])?loader)(=|$)/) ? ['--import', last] : []
  return ['--require', first, ...loads, ...flags, ...ends]
}

function hasPid(child: ChildProcess): child is ChildProcess & { readonly pid: number } {
  return child.pid !== undefined
}
