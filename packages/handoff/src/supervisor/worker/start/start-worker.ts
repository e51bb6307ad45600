// The start of a process of one worker: what it is given, beside its program.

import { closeAll } from '../../../io/channel/wire.ts'
import type { Generations } from '../../processes/generations.ts'
import type { Program } from '../../program/program.ts'
import type { ListenerStore } from './listener-store.ts'
import type { WorkerOptions } from './options.ts'
import { reserve } from './reserved.ts'

/** What is asked for at one start. */
export interface StartRequest {
  readonly program: Program
  /** Rendezvous sockets of processes from which it takes over, too. */
  readonly joins: readonly string[]
  /** Listeners of the old process that it may leave out. */
  readonly drop: readonly string[]
}

/**
 * Starts a process.
 *
 * @returns its pid.
 * @throws {@link HandoffError} ERR_HANDOFF_ENTRY; ERR_HANDOFF_SPAWN_FAILED.
 */
export async function startWorker(
  generations: Generations,
  store: ListenerStore,
  { number, directory, timeouts, others: getOthers }: WorkerOptions,
  { program, joins, drop }: StartRequest,
): Promise<number> {
  const others = getOthers()
  // The kept listeners also where one serves that can hand over: it may die before it has.
  const inherited = store.all
  const kept = others.flatMap((worker) => worker.kept)
  const reserved = reserve(kept, new Set(inherited.map(({ name }) => name)))
  try {
    const { youngest } = generations.registry
    const serving = others.find((worker) => worker.serving !== undefined)?.serving
    const generation = youngest === 0 ? (serving?.generation ?? 1) : youngest + 1
    const idle = generations.serving?.listeners.length === 0
    const start = { worker: number, inherited, generation, reserved, joins, drop, idle }
    return await generations.spawn(program, directory, timeouts, start)
  } finally {
    // The process has its own.
    closeAll(reserved.map(({ fd }) => fd))
  }
}
