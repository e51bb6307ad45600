// Starts one generation: a process of its own session, which outlives the supervisor.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { HandoffError, reasonOf } from '../errors.ts'
import { inheritedVariables, type Named } from '../io/activation.ts'
import type { RunDirectory } from '../io/run-directory.ts'
import { findEntry } from './entry.ts'
import { generationEnvironment, generationFlags, type Timeouts } from './environment.ts'
import type { Program } from './program.ts'

/** Of our own modules, built or not: `../register`. */
const ours = (path: string) => new URL(`${path}${extname(import.meta.url)}`, import.meta.url).href

/**
 * Loaded before everything else, so that what other preloads listen on is handed over too: one that
 * tells the supervisor of exceptions, and one for programs that import nothing of ours.
 *
 * @remarks As arguments, not in NODE_OPTIONS: the program's own children are no servers of ours.
 */
const preloads = [ours('./report'), ours('../register')].flatMap((url) => ['--import', url])

/** What a process is to be, and what it gets from us. */
export interface Start {
  /** From 1. */
  readonly worker: number
  /** For the case that there is no process to take over from. */
  readonly inherited: readonly Named[]
  /** In the same case; else it is told by that one. */
  readonly generation: number
  /** At places of other workers, for what it would bind there. */
  readonly reserved: readonly Named[]
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
  { entry, args, workingDirectory, node }: Program,
  directory: RunDirectory,
  timeouts: Timeouts,
  { worker, inherited, generation, reserved, joins, drop, idle }: Start,
): Promise<ChildProcess & { readonly pid: number }> {
  const { path, cwd, loader } = findEntry(entry, workingDirectory, node)
  const flags = generationFlags(process.execArgv, process.env.NODE_OPTIONS)
  const argv = [...preloads, ...flags, ...loader, path, ...args]
  try {
    const child = spawn(node, argv, {
      cwd,
      env: {
        ...generationEnvironment(process.env, worker, directory, timeouts),
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
    throw new HandoffError('ERR_HANDOFF_SPAWN_FAILED', `cannot start ${node}: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function hasPid(child: ChildProcess): child is ChildProcess & { readonly pid: number } {
  return child.pid !== undefined
}
