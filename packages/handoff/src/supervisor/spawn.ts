// Starts one generation: a process of its own session, which outlives the supervisor.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { HandoffError, reasonOf } from '../errors.ts'
import type { RunDirectory } from '../io/run-directory.ts'
import { findEntry } from './entry.ts'
import { generationEnvironment, generationFlags, type Timeouts } from './environment.ts'
import type { Program } from './program.ts'

/** Loaded before the entry; beside this file, built or not. */
const preload = new URL(`./report${extname(import.meta.url)}`, import.meta.url).href

/**
 * Starts a process.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY; ERR_HANDOFF_SPAWN_FAILED when the system could
 * not start it.
 */
export async function spawnGeneration(
  { entry, args, workingDirectory, node }: Program,
  directory: RunDirectory,
  timeouts: Timeouts,
): Promise<ChildProcess & { readonly pid: number }> {
  const { path, cwd, loader } = findEntry(entry, workingDirectory, node)
  const flags = generationFlags(process.execArgv, process.env.NODE_OPTIONS)
  const argv = [...flags, ...loader, '--import', preload, path, ...args]
  try {
    const child = spawn(node, argv, {
      cwd,
      env: { ...generationEnvironment(process.env, directory, timeouts), PWD: workingDirectory },
      // A session of its own: Ctrl-C reaches the supervisor alone, which owns the signals, and the
      // end of the terminal does not end the server.
      detached: true,
      // Never a pipe: a server that outlives the supervisor would write into nothing (EPIPE).
      stdio: 'inherit',
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
